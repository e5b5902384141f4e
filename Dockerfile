# nst for any host that runs containers:
#   docker build -t nst .                          with a GPU: --build-arg TORCH=cu130
#   docker run -p 7860:7860 nst                    with a GPU: --gpus all
# For a Docker Space, write `sdk: docker` in README.md and set its variable TORCH.
FROM python:3.11-slim

# Not in a home directory, which other users can't read.
WORKDIR /app
RUN useradd --create-home --uid 1000 user

# Compiles the fused convolution for the processor that the container runs on.
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*

# The largest layer. The wheel without CUDA has a tenth of the size.
ARG TORCH=cpu
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/${TORCH} "torch>=2.9"

COPY requirements.txt .
RUN pip install --no-cache-dir --requirement requirements.txt

COPY app.py README.md LICENSE ./
COPY examples examples
COPY nst nst

USER user
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 PYTHONUNBUFFERED=1
EXPOSE 7860
# Without urllib, which would use the host's proxy.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['GRADIO_SERVER_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "app.py"]
