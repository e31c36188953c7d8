ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.0.2@sha256:9fdb1888c4264cf6fee473649ecb593f56f58e5d0096a87ee0b231777e2e3e73

FROM ${BASE_IMAGE} AS builder
# Only root can install; nothing runs in this stage later.
# hadolint ignore=DL3002
USER root
WORKDIR /airbyte/integration_code
COPY . ./
# The secrets are for networks with a package index or a certificate authority of their own; without them pip is as
# usual. Nothing of either stays in a layer.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/etc/ssl/certs/ca-certificates.crt \
    pip install --no-cache-dir --constraint constraints.txt .
# What is in the image, and under which licences. The tools stay outside /usr/local, which is all that goes on from here;
# the interpreter that they look into must not see them, so that they are no part of what they list.
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/etc/ssl/certs/ca-certificates.crt \
    pip install --no-cache-dir --target /opt/inventory cyclonedx-bom==7.5.0 pip-licenses==5.5.5
RUN mkdir -p /usr/local/share/source-events && python -c "import runpy, sys; \
    sys.path.append('/opt/inventory'); \
    sys.argv = ['cyclonedx-py', 'environment', sys.executable, '--output-reproducible', '--output-format=JSON', \
        '--output-file=/usr/local/share/source-events/sbom.cdx.json']; \
    runpy.run_module('cyclonedx_py', run_name='__main__')" \
    && python -c "import runpy, sys; \
    sys.path.append('/opt/inventory'); \
    sys.argv = ['pip-licenses', '--python=python', '--with-system', '--from=mixed', '--with-urls', '--format=json', \
        '--output-file=/usr/local/share/source-events/licences.json']; \
    runpy.run_module('piplicenses', run_name='__main__')"
# The connector's user cannot write compiled files, and without them each command starts half as fast.
RUN python -c "import compileall, sysconfig; \
    [compileall.compile_dir(sysconfig.get_path(name), quiet=2, workers=0) for name in ('stdlib', 'purelib')]"

FROM ${BASE_IMAGE}
LABEL io.airbyte.name="source-events" \
      io.airbyte.version="0.1.0"
COPY --from=builder /usr/local /usr/local
WORKDIR /airbyte/integration_code
ENV AIRBYTE_ENTRYPOINT="source-events" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# The CDK makes a temporary folder for each command, which must be possible on a read-only file system too.
VOLUME ["/tmp"]
USER airbyte
ENTRYPOINT ["source-events"]
