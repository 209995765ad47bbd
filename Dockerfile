# The one image; `--role` selects what a container is.
FROM python:3.11-slim AS build
WORKDIR /build
COPY deploy/lock deploy/lock
RUN python -m venv /opt/tools && /opt/tools/bin/pip install --no-cache-dir --require-hashes -r deploy/lock/build.txt
RUN python -m venv /opt/scrapr && /opt/scrapr/bin/pip install --no-cache-dir --require-hashes -r deploy/lock/image.txt
COPY pyproject.toml README.md ./
COPY scrapr scrapr
RUN /opt/tools/bin/python -m hatchling build -t wheel && /opt/scrapr/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.11-slim
LABEL org.opencontainers.image.title="scrapr" \
      org.opencontainers.image.description="Turns any website into a live, versioned JSON API"
RUN useradd --system --uid 10001 --no-create-home scrapr
COPY --from=build /opt/scrapr /opt/scrapr
ENV PATH=/opt/scrapr/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
ENTRYPOINT ["scrapr"]
CMD ["roles"]
