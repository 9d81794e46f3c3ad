"""Have shards made: by processes of this machine, or by a cluster."""
