# syntax=docker/dockerfile:1
# docker build -t webdistill .                                              pure C# engine, any processor
# docker build -t webdistill --build-arg TENSOR_ENGINE=LibTorchCuda .       TorchSharp-cuda-linux, NVIDIA GPU
# docker run --rm -p 127.0.0.1:5080:5080 -v webdistill-data:/app/data webdistill          (add --gpus all for CUDA)
ARG TENSOR_ENGINE=Managed

FROM node:22-bookworm-slim AS node

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TENSOR_ENGINE
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
COPY . .
# libtorch comes in packages for one runtime; the managed engine runs wherever .NET does.
RUN case "$TENSOR_ENGINE" in \
      Managed)      runtime= ;; \
      LibTorchCuda) runtime="--runtime linux-x64 --self-contained false" ;; \
      *) echo "TENSOR_ENGINE is '$TENSOR_ENGINE'; expected Managed or LibTorchCuda." >&2; exit 1 ;; \
    esac \
 && dotnet publish src/WebDistill.Web -c Release -o /app -p:TensorEngine="$TENSOR_ENGINE" $runtime

FROM mcr.microsoft.com/dotnet/aspnet:10.0
RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/* \
 && mkdir -p /app/data && chown "$APP_UID" /app/data
WORKDIR /app
COPY --from=build /app .
# Inside the container the address is not loopback and there is no login yet: publish the port on the host's loopback only, as above.
ENV Urls=http://0.0.0.0:5080 \
    Security__AllowRemoteWithoutLogin=true
EXPOSE 5080
VOLUME /app/data
USER $APP_UID
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD curl -fsS http://127.0.0.1:5080/healthz || exit 1
ENTRYPOINT ["dotnet", "WebDistill.Web.dll"]
