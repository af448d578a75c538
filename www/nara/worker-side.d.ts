// `light-nara/worker-side`: what a worker runs for `light-nara/worker`. It is the worker's whole script, or imported by it.
export {};
