"""The machine's own browser; tests that need one are left out where there is none."""

import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFFLINE = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"]
