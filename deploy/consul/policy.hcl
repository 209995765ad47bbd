# What scrapr's processes may do in Consul: write down the five roles, and see who is there.
service "config" { policy = "write" }
service "datasource" { policy = "write" }
service "endpoint" { policy = "write" }
service "orchestrator" { policy = "write" }
service "scraper" { policy = "write" }
service_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
