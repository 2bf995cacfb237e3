# The settlement and its Airflow, for docker-compose.yml. Root builds it; at run time nobody is root, and nothing of it can be written to.
FROM python:3.11.14-slim-bookworm AS build
RUN python -m venv /opt/venv
COPY requirements.lock /
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /requirements.lock
COPY . /opt/vgi
# Editable, as in the Makefile: the code looks for dbt_project beside itself.
RUN /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --editable /opt/vgi

FROM python:3.11.14-slim-bookworm
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/vgi /opt/vgi
# A new volume takes the owner of the folder it is mounted at: no container has to be root, or to chown, for its sake.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin vgi \
    && mkdir /opt/vgi/dbt_project/target \
    && install -d -o vgi -g vgi /srv/vgi/landing /srv/vgi/warehouse /srv/vgi/tariffs /srv/vgi/exports /srv/vgi/audit-docs /srv/vgi/logs
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/vgi \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW_HOME=/tmp/airflow
WORKDIR /opt/vgi
USER 10001:10001
CMD ["vgi", "--help"]
