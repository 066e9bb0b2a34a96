"""What network.Plan fills and the core reads: one network_t, and behind it a layer_t for each layer."""
from libc.stdint cimport int64_t


cdef enum:
    # Sequences whose steps one thread computes together: what a tile of the products holds. More, up to 32, are no
    # faster at any width, and fewer blocks leave threads idle where lengths differ.
    BLOCK_ROWS = 8


# One recurrent layer: sizes, then where its arrays begin in the flat buffers. K = H + F: a row of its input is
# [h_{t-1} | x_t], and of its weights [W_h; W_x].
cdef packed struct layer_t:
    int64_t F            # features in
    int64_t H            # units
    int64_t K
    int64_t G            # columns of the gates
    int64_t V            # length of the parameter vectors
    int64_t W            # parameters: (K, G)
    int64_t v            # parameters: (V,)
    int64_t packed       # packed weights: (K, G)
    int64_t packed_h     # packed weights: (G, H), W_h transposed
    int64_t packed_x     # packed weights: (G, F), W_x transposed
    int64_t dv           # (V,) in each block's row of dv
    int64_t h            # state: (B, H)
    int64_t c            # state: (B, H)
    int64_t dh           # state: (B, H)
    int64_t dc           # state: (B, H)


# The network around the layers.
cdef packed struct network_t:
    int64_t cell         # row of the registry
    int64_t n_layers
    int64_t O            # outputs
    int64_t W_out        # parameters: (H_top, O)
    int64_t b_out        # parameters: (O,)
    int64_t packed_out   # packed weights: (H_top, O)
    int64_t packed_out_t  # packed weights: (O, H_top)
    int64_t V            # length of all layers' parameter vectors
    int64_t dv           # state: (n_blocks, V)
