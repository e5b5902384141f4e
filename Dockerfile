# nst for any host that runs containers, or a Docker Space:
#   docker build -t nst .                          with a GPU: --build-arg TORCH=cu128
#   docker run -p 7860:7860 nst                    with a GPU: --gpus all
FROM python:3.11-slim

# The wheel without CUDA is a tenth of the one with it.
ARG TORCH=cpu

RUN useradd --create-home --uid 1000 user
WORKDIR /home/user/nst

COPY requirements.txt .
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/${TORCH} torch \
    && pip install --no-cache-dir --requirement requirements.txt

COPY app.py README.md LICENSE ./
COPY nst nst
COPY examples examples

USER user
ENV GRADIO_SERVER_NAME=0.0.0.0 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "app.py"]
