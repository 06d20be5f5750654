"""The API's nouns, one file each: every module here that has a `blp` is part of the API."""
