# Two images of one build: `sensor` for the tap host, `geophone` for workers and analysts.
FROM rust:1.95-bookworm AS build
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends libpcap-dev libssl-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Without the feature `history`: Parquet is for analysts' machines, and minutes of building.
RUN cargo build --locked --release -p geophone-sensor -p geophone-analytics \
        --no-default-features --features geophone-sensor/kafka,geophone-analytics/kafka \
 && strip target/release/geophone target/release/geophone-sensor

FROM debian:bookworm-slim AS base
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends ca-certificates libpcap0.8 libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10053 --home-dir /var/lib/geophone --create-home geophone

# Replays as an ordinary user. On an interface it needs CAP_NET_RAW, and root to begin with: it
# gives up both (see the README).
FROM base AS sensor
COPY --from=build /src/target/release/geophone-sensor /usr/local/bin/
RUN mkdir -p /var/spool/geophone && chown geophone /var/spool/geophone
USER geophone
ENTRYPOINT ["geophone-sensor"]

FROM base AS geophone
COPY --from=build /src/target/release/geophone /usr/local/bin/
USER geophone
WORKDIR /var/lib/geophone
ENTRYPOINT ["geophone"]
