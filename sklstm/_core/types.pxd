"""What layout.Layout fills and the core reads: a stack_t with its layer_t's behind it, and a head_t."""
from libc.stdint cimport int64_t, uint64_t


cdef enum:
    # Sequences whose steps one thread computes together: what a tile of the products holds. More, up to 32, are no
    # faster at any width, and fewer blocks leave threads idle where lengths differ.
    BLOCK_ROWS = 8


# One recurrent layer in one direction: sizes, then where its arrays begin in the flat buffers. K = H + F: a row of its
# input is [h_{t-1} | x_t], and of its weights [W_h; W_x].
cdef packed struct layer_t:
    int64_t level        # layers below it
    int64_t F            # features in
    int64_t H            # units
    int64_t K
    int64_t G            # columns of the weights
    int64_t Z            # columns of z, what the cell works on
    int64_t h_column     # column of z where h W_h begins; x W_x begins at 0
    int64_t C            # units of memory: H, or 0 for a cell without c (that of a GRU is h)
    int64_t V            # length of the parameter vectors
    int64_t W            # parameters: (K, G)
    int64_t v            # parameters: (V,)
    int64_t packed       # packed weights: (K, G)
    int64_t packed_h     # packed weights: (G, H), W_h transposed
    int64_t packed_x     # packed weights: (G, F), W_x transposed
    int64_t dv           # (V,) in each block's row of dv


# Layers that go through time together: all of a network in one direction, one of a bidirectional network.
cdef packed struct stack_t:
    int64_t cell         # row of the registry
    int64_t activations  # the cell's: see vmath.h
    int64_t n_layers
    int64_t reverse      # whether time runs backwards
    int64_t changes      # whether its inputs are the changes from one time step to the next
    int64_t wants_dx     # whether the derivatives by the input are needed
    int64_t V            # length of all layers' parameter vectors


# From the top layers' h to the outputs.
cdef packed struct head_t:
    int64_t D            # units of the top layer, in both directions
    int64_t P            # what the output layer sees: D, and the last inputs if they skip the layers
    int64_t O            # outputs
    int64_t A            # columns of the attention: D, or 0 without it
    int64_t W            # parameters: (P, O)
    int64_t b            # parameters: (O,)
    int64_t packed       # packed weights: (P, O)
    int64_t packed_t     # packed weights: (O, P)
    int64_t W_a          # parameters: (D, A)
    int64_t b_a          # parameters: (A,)
    int64_t v_a          # parameters: (A,)
    int64_t packed_a     # packed weights: (D, A)
    int64_t packed_a_t   # packed weights: (A, D)


# What is left out of a training step: each is drawn from the seed and its place alone, on whatever thread.
cdef struct dropout_t:
    uint64_t seed
    double between       # probability, of a layer's inputs from the layer below and of the output layer's
    double recurrent     # of h_{t-1} in the products, the same units at all steps of a sequence
