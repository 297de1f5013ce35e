# The worker and the command line. Built in two steps, so that no build tool is in the image.
FROM python:3.11.16-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

COPY requirements-runtime.lock requirements-build.lock ./
RUN python -m venv /opt/certroll \
 && /opt/certroll/bin/python -m pip install --require-hashes --no-deps -r requirements-runtime.lock \
 && python -m venv /opt/build \
 && /opt/build/bin/python -m pip install --require-hashes --no-deps -r requirements-build.lock

COPY pyproject.toml README.md worker.py ./
COPY domain domain
COPY connectors connectors
COPY storage storage
COPY operations operations
COPY activities activities
COPY workflows workflows
COPY starter starter
COPY sandbox sandbox
RUN /opt/build/bin/python -m hatchling build -t wheel -d /tmp/wheel \
 && /opt/certroll/bin/python -m pip install --no-deps /tmp/wheel/*.whl \
 && /opt/certroll/bin/python -m pip uninstall --yes pip setuptools

FROM python:3.11.16-slim-trixie
RUN useradd --uid 1000 --create-home --shell /usr/sbin/nologin certroll
COPY --from=build /opt/certroll /opt/certroll
ENV PATH=/opt/certroll/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# By number, so that an orchestrator can see that it is not root.
USER 1000:1000
WORKDIR /home/certroll
CMD ["certroll-worker"]
