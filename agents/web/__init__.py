"""Everything that is served over HTTP: the status page, its JSON, `/metrics`, `/health`, `/ready`.

The entry is `mount` in `routes`. Figures come from the engines through `agents.status`: here they only get units,
names and texts.
"""
