"""The pages for operators and auditors, and their templates."""
