/* What a CPU computes many times a second: blocks of small images, forward and back (convolution, norm, activation,
batch after batch), and Adam.

A batch of images is [C, H, W, B], its samples last: a pixel of a whole batch is a row of memory. So a convolution is,
for each pixel that is made, a sum of rows times numbers, over the pixels that are there and no others. Sixteen samples
are one vector whatever the processor has; what a number is a sum of, and in which order, depends on nothing but shapes.
*/

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef float vec __attribute__((vector_size(64), aligned(4), may_alias));

enum { LANES = 16, MOST_TAPS = 64 };

typedef struct {
    long transposed;                   /* from the coarse side to the fine one */
    long ins, outs, in_side, out_side; /* channels, and pixels along a side */
    long kernel, stride;
    long normed;                                             /* whether there is a norm, of each channel */
    long activation;                                         /* 0: none; 1: ReLU; 2: LeakyReLU */
    long weight_pitch, bias_pitch, scale_pitch, shift_pitch; /* numbers from one member's to the next's */
    const float *weight, *bias, *scale, *shift;              /* of the first member; NULL: there is none */
    float *kept, *mean, *inverse; /* [N, outs, side, side, B] before the norm, or what is made; [N, outs] */
    float *d_weight, *d_bias, *d_scale, *d_shift; /* [P, ...]: added to; NULL: nobody asks */
} Block;

/* ---- The rows that make a row */

typedef struct {
    long count;
    long row[MOST_TAPS];    /* pixel in the channel that is read */
    long weight[MOST_TAPS]; /* place in the kernel */
} Taps;

static void taps_of(const Block* block, int to_fine, long side_coarse, long side_fine, long y, long x, Taps* taps) {
    long kernel = block->kernel, stride = block->stride, before = (kernel - 1) / 2;
    taps->count = 0;
    for (long u = 0; u < kernel; u++)
        for (long v = 0; v < kernel; v++) {
            long row, column;
            if (to_fine) {
                row = y + before - u, column = x + before - v;
                if (row < 0 || column < 0 || row % stride || column % stride) continue;
                row /= stride, column /= stride;
                if (row >= side_coarse || column >= side_coarse) continue;
                taps->row[taps->count] = row * side_coarse + column;
            } else {
                row = y * stride + u - before, column = x * stride + v - before;
                if (row < 0 || column < 0 || row >= side_fine || column >= side_fine) continue;
                taps->row[taps->count] = row * side_fine + column;
            }
            taps->weight[taps->count++] = u * kernel + v;
        }
}

/* ---- Sums of rows times weights */

#define TILE(OUTS, VECTORS)                                                                                          \
    static void tile_##OUTS##_##VECTORS(const float* in, const float* weights, float* out, const Taps* taps,         \
                                        long channels, long in_channel, long places, long out_channel, long batch) { \
        vec sums[OUTS][VECTORS];                                                                                     \
        for (int o = 0; o < OUTS; o++)                                                                               \
            for (int v = 0; v < VECTORS; v++) sums[o][v] = (vec){0};                                                 \
        for (long c = 0; c < channels; c++, in += in_channel, weights += places * OUTS)                              \
            for (long t = 0; t < taps->count; t++) {                                                                 \
                const float *row = in + taps->row[t] * batch, *w = weights + taps->weight[t] * OUTS;                 \
                vec rows[VECTORS];                                                                                   \
                _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) rows[v] = *(const vec*)(row + v * LANES);  \
                _Pragma("GCC unroll 8") for (int o = 0; o < OUTS; o++)                                               \
                    _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) sums[o][v] += rows[v] * w[o];          \
            }                                                                                                        \
        _Pragma("GCC unroll 8") for (int o = 0; o < OUTS; o++)                                                       \
                _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) *                                          \
            (vec*)(out + o * out_channel + v * LANES) = sums[o][v];                                                  \
    }
TILE(8, 2)
TILE(4, 2)
TILE(2, 2)
TILE(1, 2)
TILE(4, 4)
TILE(2, 4)
TILE(1, 4)
TILE(8, 1)
TILE(4, 1)
TILE(2, 1)
TILE(1, 1)

/* How many channels are made together, of so many that are left. */
static long together(long left) { return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

/* Weights in the order in which they are read: of each run of channels that are made together, all that each one reads.
   `made` and `read` are how far apart weights of neighbouring channels lie. */
static void pack(const float* weight, long outs, long ins, long places, long made, long read, float* packed) {
    for (long o = 0, run; o < outs; o += run, packed += run * ins * places) {
        run = together(outs - o);
        for (long q = 0; q < run; q++) {
            const float* from = weight + (o + q) * made;
            float* to = packed + q;
            for (long c = 0; c < ins; c++)
                for (long p = 0; p < places; p++, to += run) *to = from[c * read + p];
        }
    }
}

/* Rows [outs, side, side, B] of rows [ins, ...], with packed weights. */
static void apply(const Block* block, int to_fine, long outs, long ins, long side_coarse, long side_fine,
                  const float* in, const float* packed, float* out, long batch) {
    long side = to_fine ? side_fine : side_coarse, from = to_fine ? side_coarse : side_fine;
    long places = block->kernel * block->kernel, in_channel = from * from * batch, out_channel = side * side * batch;
    Taps taps;
    for (long y = 0; y < side; y++)
        for (long x = 0; x < side; x++) {
            taps_of(block, to_fine, side_coarse, side_fine, y, x, &taps);
            float* pixel = out + (y * side + x) * batch;
            /* Few vectors at a time where there are many channels: what they are made of then stays in the nearest
             * cache. */
            for (long b = 0, wide; b < batch; b += wide * LANES) {
                wide = outs >= 8 ? 2 : 4;
                if (batch - b < wide * LANES) wide = 1;
                const float* weights = packed;
                for (long o = 0, run; o < outs; o += run) {
                    run = together(outs - o);
#define MAKE(OUTS, VECTORS)                                                                                            \
    tile_##OUTS##_##VECTORS(in + b, weights, pixel + o * out_channel + b, &taps, ins, in_channel, places, out_channel, \
                            batch)
                    if (wide == 2) {
                        if (run == 8) MAKE(8, 2);
                        else if (run == 4) MAKE(4, 2);
                        else if (run == 2) MAKE(2, 2);
                        else MAKE(1, 2);
                    } else if (wide == 4) {
                        if (run == 4) MAKE(4, 4);
                        else if (run == 2) MAKE(2, 4);
                        else MAKE(1, 4);
                    } else if (run == 8) MAKE(8, 1);
                    else if (run == 4) MAKE(4, 1);
                    else if (run == 2) MAKE(2, 1);
                    else MAKE(1, 1);
                    weights += run * ins * places;
                }
            }
        }
}

/* ---- The weights' gradient */

typedef int mask __attribute__((vector_size(64)));

#ifdef __clang__
#define PICK(one, other, ...) __builtin_shufflevector(one, other, __VA_ARGS__)
#else
#define PICK(one, other, ...) __builtin_shuffle(one, other, (mask){__VA_ARGS__})
#endif

#define LEFT_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define RIGHT_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define LEFT_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define RIGHT_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LEFT_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define RIGHT_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LEFT_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define RIGHT_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31

/* Rows become columns. */
static inline void turn(vec* v) {
#define SWAP(APART)                                                                                \
    for (int n = 0; n < LANES; n++)                                                                \
        if (!(n & APART)) {                                                                        \
            vec one = v[n], other = v[n + APART];                                                  \
            v[n] = PICK(one, other, LEFT_##APART), v[n + APART] = PICK(one, other, RIGHT_##APART); \
        }
    SWAP(8) SWAP(4) SWAP(2) SWAP(1)
}

/* Rows [channels, pixels, B] as [pixels, B, wide], whose channels lie side by side; 0 where there is none. */
static void turned(const float* rows, long channels, long pitch, long pixels, long batch, long wide, float* out) {
    for (long c = 0; c < wide; c += LANES)
        for (long n = 0; n < pixels * batch; n += LANES) {
            vec block[LANES];
            for (int k = 0; k < LANES; k++)
                block[k] = c + k < channels ? *(const vec*)(rows + (c + k) * pitch + n) : (vec){0};
            turn(block);
            for (int k = 0; k < LANES; k++) *(vec*)(out + (n + k) * wide + c) = block[k];
        }
}

static float sum_of(vec lanes) {
    float total[8];
    for (int n = 0; n < 8; n++) total[n] = lanes[n] + lanes[n + 8];
    for (int n = 0; n < 4; n++) total[n] += total[n + 4];
    return (total[0] + total[2]) + (total[1] + total[3]);
}

typedef struct {
    long first_y, last_y, first_x, last_x; /* places on the coarse side */
    long shift;                            /* from such a place, times the stride, to its pixel on the fine side */
    long stride, side_coarse, side_fine;
} Range;

#define CORRELATE(COARSE, FINE)                                                                                     \
    static void correlate_##COARSE##_##FINE(const float* coarse, const float* fine, float* out, const Range* range, \
                                            long coarse_channel, long fine_channel, long batch, long out_coarse,    \
                                            long out_fine) {                                                        \
        vec sums[COARSE * FINE] = {{0}};                                                                            \
        for (long y = range->first_y; y < range->last_y; y++)                                                       \
            for (long x = range->first_x; x < range->last_x; x++) {                                                 \
                const float* one = coarse + (y * range->side_coarse + x) * batch;                                   \
                const float* other = fine + (range->shift + (y * range->side_fine + x) * range->stride) * batch;    \
                for (long b = 0; b < batch; b += LANES) {                                                           \
                    vec left[COARSE];                                                                               \
                    _Pragma("GCC unroll 8") for (int o = 0; o < COARSE; o++) left[o] =                              \
                        *(const vec*)(one + o * coarse_channel + b);                                                \
                    _Pragma("GCC unroll 8") for (int c = 0; c < FINE; c++) {                                        \
                        vec right = *(const vec*)(other + c * fine_channel + b);                                    \
                        _Pragma("GCC unroll 8") for (int o = 0; o < COARSE; o++) sums[o * FINE + c] +=              \
                            left[o] * right;                                                                        \
                    }                                                                                               \
                }                                                                                                   \
            }                                                                                                       \
        for (int o = 0; o < COARSE; o++)                                                                            \
            for (int c = 0; c < FINE; c++) out[o * out_coarse + c * out_fine] += sum_of(sums[o * FINE + c]);        \
    }
CORRELATE(4, 4)
CORRELATE(4, 1)
CORRELATE(1, 4)
CORRELATE(1, 1)

#define MULTIPLY(OUTS, VECTORS)                                                                                       \
    static void multiply_##OUTS##_##VECTORS(const float* coarse, const float* fine, float* out, const Range* range,   \
                                            long coarse_channel, long wide, long batch, long out_coarse,              \
                                            long out_fine, long channels) {                                           \
        vec sums[OUTS * VECTORS] = {{0}};                                                                             \
        for (long y = range->first_y; y < range->last_y; y++)                                                         \
            for (long x = range->first_x; x < range->last_x; x++) {                                                   \
                const float* one = coarse + (y * range->side_coarse + x) * batch;                                     \
                const float* row = fine + (range->shift + (y * range->side_fine + x) * range->stride) * batch * wide; \
                for (long b = 0; b < batch; b++, row += wide) {                                                       \
                    vec right[VECTORS];                                                                               \
                    _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) right[v] =                              \
                        *(const vec*)(row + v * LANES);                                                               \
                    _Pragma("GCC unroll 8") for (int o = 0; o < OUTS; o++)                                            \
                        _Pragma("GCC unroll 8") for (int v = 0; v < VECTORS; v++) sums[o * VECTORS + v] +=            \
                        right[v] * one[o * coarse_channel + b];                                                       \
                }                                                                                                     \
            }                                                                                                         \
        for (int o = 0; o < OUTS; o++)                                                                                \
            for (int c = 0; c < VECTORS * LANES && c < channels; c++)                                                 \
                out[o * out_coarse + c * out_fine] += sums[o * VECTORS + c / LANES][c % LANES];                       \
    }
MULTIPLY(8, 2)
MULTIPLY(8, 1)
MULTIPLY(1, 2)
MULTIPLY(1, 1)

static long smaller(long a, long b) { return a < b ? a : b; }

static long ceiling(long a, long b) { return a <= 0 ? 0 : (a + b - 1) / b; }

/* Add to weights [O, C, k, k] what rows [O, coarse] and [C, fine] of one batch make. */
static void correlate(const Block* block, long outs, long ins, long side_coarse, long side_fine, const float* coarse,
                      const float* fine, float* turned_fine, float* weight, long batch) {
    long coarse_channel = side_coarse * side_coarse * batch, fine_channel = side_fine * side_fine * batch;
    long kernel = block->kernel, stride = block->stride, before = (kernel - 1) / 2, places = kernel * kernel;
    int many = outs >= 8 && ins >= 8;
    long wide = (ins + LANES - 1) / LANES * LANES;
    if (many) turned(fine, ins, fine_channel, side_fine * side_fine, batch, wide, turned_fine);
    for (long u = 0; u < kernel; u++)
        for (long v = 0; v < kernel; v++) {
            /* Places on the coarse side whose pixel at (u, v) is there: 0 <= y * stride + u - before < side_fine. */
            Range range = {ceiling(before - u, stride),
                           smaller(ceiling(side_fine + before - u, stride), side_coarse),
                           ceiling(before - v, stride),
                           smaller(ceiling(side_fine + before - v, stride), side_coarse),
                           (u - before) * side_fine + v - before,
                           stride,
                           side_coarse,
                           side_fine};
            for (long o = 0, run; o < outs; o += run) {
                run = many ? (outs - o >= 8 ? 8 : 1) : outs - o >= 4 ? 4 : 1;
                const float* one = coarse + o * coarse_channel;
                for (long c = 0, columns; c < ins; c += columns) {
                    float* to = weight + (o * ins + c) * places + u * kernel + v;
                    if (many) {
                        columns = wide - c >= 2 * LANES ? 2 * LANES : LANES;
#define SUM(OUTS, VECTORS)                                                                                           \
    multiply_##OUTS##_##VECTORS(one, turned_fine + c, to, &range, coarse_channel, wide, batch, ins * places, places, \
                                ins - c)
                        if (run == 8) {
                            if (columns == LANES) SUM(8, 1);
                            else SUM(8, 2);
                        } else if (columns == LANES) SUM(1, 1);
                        else SUM(1, 2);
                    } else {
                        columns = ins - c >= 4 ? 4 : 1;
                        const float* other = fine + c * fine_channel;
#define ADD(COARSE, FINE) \
    correlate_##COARSE##_##FINE(one, other, to, &range, coarse_channel, fine_channel, batch, ins* places, places)
                        if (run == 4) {
                            if (columns == 4) ADD(4, 4);
                            else ADD(4, 1);
                        } else if (columns == 4) ADD(1, 4);
                        else ADD(1, 1);
                    }
                }
            }
        }
}

/* ---- Norms and activations, a row of numbers at a time */

enum { STRETCH = 4096 }; /* numbers that are added up in float32 before they count in float64 */

static const float EPSILON = 1e-5f, SLOPE = 0.2f;

static inline vec where_positive(vec test, vec one, vec other) {
    mask positive = test > 0;
    return (vec)((positive & (mask)one) | (~positive & (mask)other));
}

static float slope_of(long activation) { return activation == 1 ? 0 : activation == 2 ? SLOPE : 1; }

/* What a norm and an activation make of a row. */
static void activate(const float* before, float* made, long numbers, float mean, float factor, float shift,
                     long activation) {
    float least = slope_of(activation);
    for (long n = 0; n < numbers; n += LANES) {
        vec y = (*(const vec*)(before + n) - mean) * factor + shift;
        *(vec*)(made + n) = where_positive(y, y, y * least);
    }
}

static void measure(const float* row, long numbers, float* mean, float* inverse) {
    double total = 0;
    for (long from = 0; from < numbers; from += STRETCH) {
        vec sum = {0};
        for (long n = from; n < smaller(from + STRETCH, numbers); n += LANES) sum += *(const vec*)(row + n);
        total += sum_of(sum);
    }
    *mean = (float)(total / numbers);
    total = 0;
    for (long from = 0; from < numbers; from += STRETCH) {
        vec sum = {0};
        for (long n = from; n < smaller(from + STRETCH, numbers); n += LANES) {
            vec apart = *(const vec*)(row + n) - *mean;
            sum += apart * apart;
        }
        total += sum_of(sum);
    }
    *inverse = 1 / sqrtf((float)(total / numbers) + EPSILON);
}

/* The gradient at a row, given that after norm and activation; both may lie in one place. What is kept of the row is
   what came before the norm, or what was made where there is none: its sign is that of what went in, too. */
static void back_through(const float* gradient, const float* kept, float* back, long numbers, float mean, float inverse,
                         float scale, float shift, long activation, int normed, double* d_scale, double* d_shift) {
    float least = slope_of(activation), factor = scale * inverse;
    double whole = 0, along = 0;
    for (long from = 0; from < numbers; from += STRETCH) {
        vec sum = {0}, product = {0};
        for (long n = from; n < smaller(from + STRETCH, numbers); n += LANES) {
            vec g = *(const vec*)(gradient + n), row = *(const vec*)(kept + n);
            if (normed) {
                vec apart = row - mean;
                g = where_positive(apart * factor + shift, g, g * least);
                product += g * (apart * inverse);
            } else {
                g = where_positive(row, g, g * least);
            }
            *(vec*)(back + n) = g;
            sum += g;
        }
        whole += sum_of(sum), along += sum_of(product);
    }
    *d_shift = whole, *d_scale = along;
    if (!normed) return;
    float middle = (float)(whole / numbers), slope = (float)(along / numbers);
    for (long n = 0; n < numbers; n += LANES) {
        vec apart = (*(const vec*)(kept + n) - mean) * inverse;
        *(vec*)(back + n) = (*(const vec*)(back + n) - middle - apart * slope) * factor;
    }
}

/* ---- Chains */

static long numbers_in(const Block* b) { return b->ins * b->in_side * b->in_side; }
static long numbers_out(const Block* b) { return b->outs * b->out_side * b->out_side; }
static long weights_of(const Block* b) { return b->ins * b->outs * b->kernel * b->kernel; }

/* Pack the weights of all members and blocks, for the way forward or back; return the place of each block's first. */
static float* packed_of(const Block* blocks, long count, long members, int back, long* at) {
    long total = 0;
    for (long k = 0; k < count; k++) at[k] = total, total += members * weights_of(blocks + k);
    float* packed = malloc(total * sizeof(float));
    if (!packed) return NULL;
    for (long k = 0; k < count; k++) {
        const Block* b = blocks + k;
        long places = b->kernel * b->kernel, one = weights_of(b);
        /* A weight is [coarse, fine, k, k], and coarse is what comes in where it is transposed. */
        long coarse = b->transposed ? b->ins : b->outs, fine = b->transposed ? b->outs : b->ins;
        int make_fine = b->transposed ? !back : back;
        for (long p = 0; p < members; p++)
            if (make_fine)
                pack(b->weight + p * b->weight_pitch, fine, coarse, places, places, fine * places,
                     packed + at[k] + p * one);
            else
                pack(b->weight + p * b->weight_pitch, coarse, fine, places, fine * places, places,
                     packed + at[k] + p * one);
    }
    return packed;
}

/* What a block has made of batch `n`, of member `p`: kept, or made again where it lies before a norm. */
static const float* made_by(const Block* b, long n, long p, long batch, float* room) {
    const float* kept = b->kept + n * batch * numbers_out(b);
    long rows = b->outs, numbers = b->out_side * b->out_side * batch;
    if (!b->normed) return kept;
    for (long r = 0; r < rows; r++) {
        long norm = n * rows + r;
        activate(kept + r * numbers, room + r * numbers, numbers, b->mean[norm],
                 b->scale[p * b->scale_pitch + r] * b->inverse[norm], b->shift[p * b->shift_pitch + r], b->activation);
    }
    return room;
}

static long most_of(const Block* blocks, long count, long batch) {
    long most = batch * numbers_in(blocks);
    for (long k = 0; k < count; k++)
        if (batch * numbers_out(blocks + k) > most) most = batch * numbers_out(blocks + k);
    return most;
}

/* What is made of x [N, ins, side, side, B], N = S * members; returns 1 where there is no memory, else 0. */
int chain_forward(const Block* blocks, long count, const float* x, float* made, long batches, long members,
                  long batch) {
    long at[count], most = most_of(blocks, count, batch);
    float* packed = packed_of(blocks, count, members, 0, at);
    float* rooms = aligned_alloc(64, 2 * most * sizeof(float));
    for (long n = 0; packed && rooms && n < batches; n++) {
        long p = n % members;
        const float* in = x + n * batch * numbers_in(blocks);
        for (long k = 0; k < count; k++) {
            const Block* b = blocks + k;
            long coarse = b->transposed ? b->in_side : b->out_side, fine = b->transposed ? b->out_side : b->in_side;
            long rows = b->outs, numbers = b->out_side * b->out_side * batch;
            float* kept = b->kept + n * rows * numbers;
            apply(b, b->transposed, b->outs, b->ins, coarse, fine, in, packed + at[k] + p * weights_of(b), kept, batch);
            for (long r = 0; r < rows; r++) {
                float *row = kept + r * numbers, bias = b->bias ? b->bias[p * b->bias_pitch + r] : 0;
                if (b->bias || !b->normed) activate(row, row, numbers, 0, 1, bias, b->normed ? 0 : b->activation);
                if (b->normed) measure(row, numbers, b->mean + n * rows + r, b->inverse + n * rows + r);
            }
            in = made_by(b, n, p, batch, k + 1 < count ? rooms + k % 2 * most : made + n * rows * numbers);
        }
    }
    int none = !packed || !rooms;
    free(packed), free(rooms);
    return none;
}

/* `gradient`: at what was made. `back`: at x, or NULL: nobody asks. */
int chain_backward(const Block* blocks, long count, const float* x, const float* gradient, float* back, long batches,
                   long members, long batch) {
    long at[count], most = most_of(blocks, count, batch), wide = 0;
    for (long k = 0; k < count; k++) {
        const Block* b = blocks + k;
        long fine =
            b->transposed ? (b->outs + LANES) * b->out_side * b->out_side : (b->ins + LANES) * b->in_side * b->in_side;
        if (fine * batch > wide) wide = fine * batch;
    }
    float* packed = packed_of(blocks, count, members, 1, at);
    float* rooms = aligned_alloc(64, (3 * most + wide) * sizeof(float));
    for (long n = 0; packed && rooms && n < batches; n++) {
        long p = n % members;
        const float* g = gradient + n * batch * numbers_out(blocks + count - 1);
        float *one = rooms, *other = rooms + most, *again = rooms + 2 * most, *turned_fine = rooms + 3 * most;
        for (long k = count - 1; k >= 0; k--) {
            const Block* b = blocks + k;
            long coarse = b->transposed ? b->in_side : b->out_side, fine = b->transposed ? b->out_side : b->in_side;
            long rows = b->outs, numbers = b->out_side * b->out_side * batch;
            const float* kept = b->kept + n * rows * numbers;
            for (long r = 0; r < rows; r++) {
                double d_scale, d_shift;
                back_through(g + r * numbers, kept + r * numbers, one + r * numbers, numbers,
                             b->normed ? b->mean[n * rows + r] : 0, b->normed ? b->inverse[n * rows + r] : 1,
                             b->normed ? b->scale[p * b->scale_pitch + r] : 1,
                             b->normed ? b->shift[p * b->shift_pitch + r] : 0, b->activation, b->normed, &d_scale,
                             &d_shift);
                if (b->d_scale) b->d_scale[p * rows + r] += (float)d_scale, b->d_shift[p * rows + r] += (float)d_shift;
                /* What a norm takes out again has no slope: there, only the last bits would move a bias. */
                if (b->d_bias && !b->normed) b->d_bias[p * rows + r] += (float)d_shift;
            }
            if (b->d_weight) {
                const float* in = k ? made_by(b - 1, n, p, batch, again) : x + n * batch * numbers_in(b);
                float* weight = b->d_weight + p * weights_of(b);
                if (b->transposed) correlate(b, b->ins, b->outs, coarse, fine, in, one, turned_fine, weight, batch);
                else correlate(b, b->outs, b->ins, coarse, fine, one, in, turned_fine, weight, batch);
            }
            if (k || back) {
                float* to = k ? other : back + n * batch * numbers_in(b);
                apply(b, !b->transposed, b->ins, b->outs, coarse, fine, one, packed + at[k] + p * weights_of(b), to,
                      batch);
                g = to, other = one, one = to;
            }
        }
    }
    int none = !packed || !rooms;
    free(packed), free(rooms);
    return none;
}

/* ---- Adam, in one pass: rows [N] of parameters, their gradients and moments, with a row's share of each new gradient,
   of its square, the rate, and the root of how far the square is filled. */
void adam(float* restrict params, const float* restrict gradients, float* restrict mean, float* restrict square,
          const float* share, const float* share_of_square, const float* rate, const float* filled, long members,
          long count, float epsilon) {
    for (long p = 0; p < members; p++) {
        float a = share[p], b = share_of_square[p], step = rate[p], root = filled[p];
        for (long n = p * count; n < (p + 1) * count; n++) {
            float g = gradients[n];
            mean[n] += a * (g - mean[n]);
            square[n] += b * (g * g - square[n]);
            params[n] -= step * mean[n] / (sqrtf(square[n]) / root + epsilon);
        }
    }
}
