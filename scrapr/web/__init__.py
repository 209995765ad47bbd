"""What every HTTP role shares: routes and OpenAPI, errors, authentication, push, health, metrics."""
