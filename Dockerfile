# syntax=docker/dockerfile:1
# docker build -t towline . ; docker run --rm -v "$PWD:/shared" -p 127.0.0.1:8695:8695 towline
FROM rust:1-slim-bookworm AS build
WORKDIR /towline
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/towline/target \
    cargo build --locked --profile dist --bin towline && cp target/dist/towline /usr/local/bin/towline

# The C library, and no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/towline /usr/local/bin/towline
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/towline/
WORKDIR /shared
EXPOSE 8695/tcp
# docker stop drains: SIGTERM lets what runs finish.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/towline"]
# Within a container all addresses are the container's own; whom it is published to, -p decides.
CMD ["serve", "/shared", "--listen", "0.0.0.0:8695", "--insecure-plaintext"]
