"""How we speak to providers: HTTP/2 over TLS, each request sent once and its fate told exactly; none is named here."""
