# One image for every service: docker run -e SERVICE=payments … duly
# Never yet built on a Docker engine (see docker-compose.yml).
FROM node:24-slim

WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No install script is needed by what runs in production; the allowed ones are development's.
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

COPY shared shared
COPY migrations migrations
COPY services services
COPY examples examples

# A new volume takes over the owner of the folder it is mounted on.
RUN mkdir -p /data/reports && chown node:node /data/reports
USER node

ENV SERVICE=relay
# exec: Node itself gets SIGTERM and drains.
CMD ["sh", "-c", "exec node --max-semi-space-size=4 --heap-growing-percent=20 services/$SERVICE/main.ts"]
