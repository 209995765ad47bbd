"""How an endpoint answers, how it follows the datasource, and what it keeps."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scrapr.model.validation import wrong


class EndpointSettings(BaseModel):
    """The endpoint's bounds and paces."""

    model_config = ConfigDict(frozen=True)

    limit: int = Field(100, ge=1, le=100_000, description="items of a page under /v1, if none is asked for")
    limit_most: int = Field(1000, ge=1, le=100_000, description="items of a page under /v1 at most")
    bare_most: int = Field(
        10_000, ge=1, le=1_000_000, description="items of an answer at most, on paths without a version"
    )
    cache_most: int = Field(
        60,
        ge=0,
        le=86_400,
        description="seconds that caches may keep items at most; it is a sixtieth of the collection's ttl",
    )
    url: str = Field(
        "", description="URL under which clients reach the endpoints, for links in feeds; empty: as asked"
    )
    pasts: int = Field(4, ge=1, le=64, description="collections as they were that are kept at once")
    exports: int = Field(4, ge=1, le=64, description="whole collections that are told at once")
    ready: int = Field(64, ge=0, le=10_000, description="answers kept ready for each collection at most")
    wait: float = Field(
        1.0,
        ge=0,
        le=30,
        description="seconds that a request waits for a collection that is only just claimed",
    )
    stale_after: float = Field(
        15.0, gt=0, description="seconds without the datasource after which answers say that they are stale"
    )
    check: float = Field(
        30.0, gt=0, description="seconds between two looks for changes that no push told, and for lost copies"
    )
    page: int = Field(
        1000, ge=1, le=10_000, description="records or changes asked of the datasource in one request"
    )
    far: int = Field(
        20_000, ge=1, description="changes behind the datasource from which a whole new copy costs less"
    )
    loads: int = Field(2, ge=1, le=64, description="whole copies that are loaded at once")
    readers: int = Field(4, ge=1, le=64, description="queries of the mirror at once")
    indexes: int = Field(8, ge=1, le=64, description="indexes that queries leave on each collection at most")
    counted: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="records of a query that are counted at most; beyond, `total` is null",
    )
    query: float = Field(5.0, gt=0, le=300, description="seconds after which a query is given up")
    folder: str = Field(
        "", description="folder of the mirror's nameless file; empty: the system's; /dev/shm: in memory"
    )
    forward: float = Field(
        10.0, gt=0, description="seconds that a peer may stay silent while it answers for us"
    )
    input_wait: float = Field(
        5.0,
        ge=0,
        le=60,
        description="seconds that a request with inputs waits for its items before it is told 202",
    )
    push_clients: int = Field(
        15_000, ge=0, le=1_000_000, description="connections of clients that are told of changes at most"
    )
    push_keep: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="newest changes of each collection that are kept for its clients; who lags more is cut off",
    )
    push_keep_bytes: int = Field(2**20, ge=1, description="bytes of those changes at most")
    push_stall: float = Field(
        30.0, gt=0, description="seconds that a client may take nothing of what is sent; then it is cut off"
    )
    push_heartbeat: float = Field(
        15.0, gt=0, description="seconds of silence after which a stream of events gets a comment"
    )
    push_retry: float = Field(
        2.0, gt=0, le=3600, description="seconds after which a lost client comes again, half more or less"
    )
    prefix: str = Field("scrapr", description="what the keys of this installation begin with in Redis")

    @model_validator(mode="after")
    def _check_limits(self) -> EndpointSettings:
        if self.limit > self.limit_most:
            raise wrong("is more than limit_most", allowed=f"up to {self.limit_most}", field="limit")
        return self
