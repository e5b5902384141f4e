# nst for any host that runs containers:
#   docker build -t nst .                          with a GPU: --build-arg TORCH=cu130
#   docker run -p 7860:7860 nst                    with a GPU: --gpus all
# A Docker Space of it takes `sdk: docker` in README.md; its variable TORCH is the argument here.
FROM python:3.11-slim

# Any user may read it here: a home is for its owner alone.
WORKDIR /app
RUN useradd --create-home --uid 1000 user

# A layer of its own, by far the largest; the wheel without CUDA is a tenth of the one with it.
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
# Not by urllib, which would ask a proxy that the host gives its containers.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['GRADIO_SERVER_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "app.py"]
