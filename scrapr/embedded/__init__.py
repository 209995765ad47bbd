"""One machine: mongod, redis-server and the zygote as children of `scrapr up`, with their data in one folder."""
