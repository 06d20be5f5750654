"""What stand-ins of providers are made of: a server over TLS, HTTP/2 or HTTP/1.1, and answers that can fail to come."""
