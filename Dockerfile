# The one image; `--role` selects what a container is. Base and versions come from the arguments, everything else from
# the lock: the same arguments give the same layers, to the byte.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
# PIP_OPTIONS: where packages come from, if not from PyPI, as `--index-url …`; their hashes are in the lock.
ARG PIP_OPTIONS=""
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY deploy/lock deploy/lock
RUN python3 -m venv tools && tools/bin/pip install ${PIP_OPTIONS} --require-hashes -r deploy/lock/build.txt
# Without a pip of its own; the other one installs into it.
RUN python3 -m venv --without-pip /opt/scrapr \
    && tools/bin/pip --python /opt/scrapr/bin/python install ${PIP_OPTIONS} --require-hashes -r deploy/lock/image.txt
COPY pyproject.toml README.md ./
COPY scrapr scrapr
RUN tools/bin/python -m hatchling build -t wheel \
    && tools/bin/pip --python /opt/scrapr/bin/python install --no-index --no-deps dist/*.whl
COPY deploy/image/health /opt/scrapr/bin/health
# Compiled here, because the file system is read-only later; by hashes, because dates are set to the commit's.
RUN find /opt/scrapr -depth -name __pycache__ -exec rm -rf {} + \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/scrapr/lib \
    && chmod -R u=rwX,go=rX /opt/scrapr && chmod 755 /opt/scrapr/bin/* \
    && mkdir -p /root-of-image/opt && mv /opt/scrapr /root-of-image/opt/ \
    && find /root-of-image -exec touch -h -d "@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
COPY --from=build /root-of-image /
# No name for the user: a line in /etc/passwd would carry the day of the build.
ENV PATH=/opt/scrapr/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 3000 3001 3002 3003 3004
# Patient: a busy machine must not take all replicas out of the balancer at once.
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 CMD ["health"]
ENTRYPOINT ["scrapr"]
CMD ["roles"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="scrapr" \
      org.opencontainers.image.description="Turns any website into a live, versioned JSON API" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
