"""The consumer side: what a cluster needs whose applications use services of another cluster of the mesh."""
