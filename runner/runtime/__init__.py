"""TVM's runtime without its compiler, devices, manifests of libraries, values of ports."""
