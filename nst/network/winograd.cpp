// 3 x 3 convolutions by Winograd's F(4 x 4, 3 x 3), fused: `nst.network.fused_convolution` calls it.
//
// Features are H x W x C (channels last), C a multiple of 32 and the outputs K one of 64. A block of tiles, each 4 x 4
// outputs of a 6 x 6 patch, is transformed to 36 matrices of tiles x C; each is multiplied with its C x K filters, and
// the products are transformed back while they are in the cache. The 36 rows of a tile are neighbours in memory, because
// writing to 36 distant places takes longer. Lavin and Gray 2016, section 4; see `winograd.py`.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <omp.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int WIDTH = 16, VECTORS = 4;  // floats in a vector; vectors of outputs in the inner loop
#elif defined(__AVX__)
constexpr int WIDTH = 8, VECTORS = 2;
#else
constexpr int WIDTH = 4, VECTORS = 4;
#endif
constexpr int ROWS = 6;     // tiles in the inner loop: ROWS * VECTORS sums stay in registers
constexpr int GROUP = 64;   // outputs whose products are held at a time

// Numbers in the spectrum of a tile, 36 x C, and in its products, 36 x GROUP, with a gap before the next tile: tiles a
// multiple of 4 KB apart would compete for the same cache lines.
inline size_t spectrum_size(int inputs) { return 36 * inputs + 32; }
constexpr size_t PRODUCT_SIZE = 36 * GROUP + 16;

typedef float Vector __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef uint32_t Bits __attribute__((vector_size(4 * WIDTH)));
typedef int32_t Ints __attribute__((vector_size(4 * WIDTH)));
typedef int8_t Bytes __attribute__((vector_size(WIDTH), aligned(1), may_alias));
typedef uint16_t Halves __attribute__((vector_size(2 * WIDTH), aligned(2), may_alias));
typedef uint16_t bfloat16;

inline Vector load(const float* p) { return *(const Vector*)p; }
inline void store(float* p, Vector v) { *(Vector*)p = v; }
inline Vector load(const bfloat16* p) { return (Vector)(__builtin_convertvector(*(const Halves*)p, Bits) << 16); }
inline Bits upper_half(Vector v) {  // of a bfloat16, rounded to the nearest, ties to even
    Bits bits = (Bits)v;
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
inline void store(bfloat16* p, Vector v) { *(Halves*)p = __builtin_convertvector(upper_half(v), Halves); }

// The bits of a number that is not negative, as stored: they have the order of the numbers.
inline Ints in_order(Vector v, const float*) { return (Ints)v; }
inline Ints in_order(Vector v, const bfloat16*) { return (Ints)upper_half(v); }
inline void store_bits(float* p, Ints bits) { store(p, (Vector)bits); }
inline void store_bits(bfloat16* p, Ints bits) { *(Halves*)p = __builtin_convertvector(bits, Halves); }

inline void to_spectrum(const Vector d[6], Vector out[6]) {
    Vector even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];
    out[0] = 4 * d[0] - 5 * d[2] + d[4];
    out[1] = even + odd;
    out[2] = even - odd;
    even = d[4] - d[2];
    odd = 2 * (d[3] - d[1]);
    out[3] = even + odd;
    out[4] = even - odd;
    out[5] = 4 * d[1] - 5 * d[3] + d[5];
}

inline void to_output(const Vector m[6], Vector out[4]) {
    Vector near = m[1] + m[2], near_odd = m[1] - m[2], far = m[3] + m[4], far_odd = m[3] - m[4];
    out[0] = m[0] + near + far;
    out[1] = near_odd + 2 * far_odd;
    out[2] = near + 4 * far;
    out[3] = near_odd + 8 * far_odd + m[5];
}

// One row of C inputs from each of R tiles, times filters C x (VECTORS * WIDTH) -> one row of products for each tile.
// Meanwhile C * WIDTH numbers from `ahead` on are read into the second-level cache.
template <int R>
inline void multiply_rows(const float* rows, const float* filters, const float* ahead, int inputs, float* products) {
    Vector sums[R][VECTORS] = {};
    for (int c = 0; c < inputs; c++) {
        __builtin_prefetch(ahead + c * WIDTH, 0, 2);
        Vector f[VECTORS];
        for (int v = 0; v < VECTORS; v++) f[v] = load(filters + (c * VECTORS + v) * WIDTH);
        for (int r = 0; r < R; r++)
            for (int v = 0; v < VECTORS; v++) sums[r][v] += rows[r * spectrum_size(inputs) + c] * f[v];
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < VECTORS; v++) store(products + r * PRODUCT_SIZE + v * WIDTH, sums[r][v]);
}

#ifdef __AVX512BF16__
// The same for pairs of inputs, as the instruction takes them: filters C / 2 x outputs x 2.
template <int R>
inline void multiply_rows(const bfloat16* rows, const bfloat16* filters, const bfloat16* ahead, int inputs,
                          float* products) {
    __m512 sums[R][VECTORS];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < VECTORS; v++) sums[r][v] = _mm512_setzero_ps();
    for (int c = 0; c < inputs; c += 2) {
        __builtin_prefetch(ahead + c * WIDTH, 0, 2);
        __m512i f[VECTORS];
        for (int v = 0; v < VECTORS; v++) f[v] = _mm512_loadu_si512(filters + (c * VECTORS + 2 * v) * WIDTH);
        for (int r = 0; r < R; r++) {
            int pair;
            memcpy(&pair, rows + r * spectrum_size(inputs) + c, 4);
            __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
            for (int v = 0; v < VECTORS; v++) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], both, (__m512bh)f[v]);
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < VECTORS; v++) _mm512_storeu_ps(products + r * PRODUCT_SIZE + v * WIDTH, sums[r][v]);
}
#endif

// The same for R rows, or for `count` if there are fewer.
template <int R, class T>
inline void multiply_up_to(int count, const T* rows, const T* filters, const T* ahead, int inputs, float* products) {
    if constexpr (R > 1) {
        if (count < R) return multiply_up_to<R - 1>(count, rows, filters, ahead, inputs, products);
    }
    multiply_rows<R>(rows, filters, ahead, inputs, products);
}

template <class T>
struct Layer {
    const T* in;
    T* out;
    const T* filters;   // 36 x K / (VECTORS * WIDTH) x C x (VECTORS * WIDTH)
    const float* bias;  // K, or null
    const T* mask;      // null, or H x W x K: outputs are set to 0 where it is 0
    const int8_t* in_maxima;  // null, or positions H / 2 x W / 2 x C of the maxima whose gradient `in` is
    int8_t* out_maxima;       // null, or where the positions of the pooled outputs go, H / 2 x W / 2 x K
    int height, width, inputs, outputs;
    bool relu;

    int columns() const { return (width + 3) / 4; }
    int tiles() const { return (height + 3) / 4 * columns(); }

    // Tiles of a block: the more inputs there are, the larger the filters are and the less often they should be read.
    int tiles_at_once() const { return ROWS * inputs / 32; }

    // The spectra of tiles from `first` on: tiles x 36 x C.
    void transform_patches(int first, int count, const T* zeros, T* spectra) const {
        const int rows = in_maxima ? height / 2 * 2 : height, pixels = in_maxima ? width / 2 * 2 : width;
        for (int t = 0; t < count; t++) {
            int top = (first + t) / columns() * 4 - 1, left = (first + t) % columns() * 4 - 1;
            const T* patch[6][6];
            const int8_t* positions[6][6];
            for (int i = 0; i < 6; i++)
                for (int k = 0; k < 6; k++) {
                    int y = top + i, x = left + k;
                    bool outside = y < 0 || y >= rows || x < 0 || x >= pixels;
                    size_t at = in_maxima ? (size_t)(y / 2) * (width / 2) + x / 2 : (size_t)y * width + x;
                    patch[i][k] = outside ? zeros : in + at * inputs;
                    positions[i][k] = outside || !in_maxima ? (const int8_t*)zeros : in_maxima + at * inputs;
                }
            for (int c = 0; c < inputs; c += WIDTH) {
                Vector half[6][6];
                for (int k = 0; k < 6; k++) {
                    Vector column[6], changed[6];
                    for (int i = 0; i < 6; i++) column[i] = load(patch[i][k] + c);
                    if (in_maxima)
                        for (int i = 0; i < 6; i++)
                            column[i] = at_place(column[i], positions[i][k] + c, (i + 1) % 2 + 2 * ((k + 1) % 2));
                    to_spectrum(column, changed);
                    for (int i = 0; i < 6; i++) half[i][k] = changed[i];
                }
                T* spectrum = spectra + t * spectrum_size(inputs) + c;
                for (int i = 0; i < 6; i++) {
                    Vector row[6];
                    to_spectrum(half[i], row);
                    for (int k = 0; k < 6; k++) store(spectrum + (6 * i + k) * inputs, row[k]);
                }
            }
        }
    }

    static Vector at_place(Vector values, const int8_t* positions, int place) {
        return (Vector)((Ints)values & (__builtin_convertvector(*(const Bytes*)positions, Ints) == place));
    }

    // GROUP outputs of all tiles' products: tiles x 36 x GROUP.
    void multiply(int count, int group, const T* spectra, float* products) const {
        constexpr int BLOCK = VECTORS * WIDTH;
        for (int p = 0; p < 36; p++)
            for (int part = 0; part < GROUP / BLOCK; part++) {
                size_t block = (size_t)p * (outputs / BLOCK) + group * (GROUP / BLOCK) + part;
                const T* f = filters + block * inputs * BLOCK;
                // The filters of the next matrix. If they were not read ahead, waiting would take a tenth of the time.
                const T* next = p < 35 ? f + (size_t)outputs * inputs : f;
                const T* rows = spectra + p * inputs;
                float* into = products + p * GROUP + part * BLOCK;
                for (int t = 0; t < count; t += ROWS) {
                    const T* ahead = next + t / ROWS % VECTORS * inputs * WIDTH;
                    const T* from = rows + t * spectrum_size(inputs);
                    multiply_up_to<ROWS>(count - t, from, f, ahead, inputs, into + t * PRODUCT_SIZE);
                }
            }
    }

    void transform_products(int first, int count, int group, const float* products) const {
        for (int t = 0; t < count; t++) {
            int top = (first + t) / columns() * 4, left = (first + t) % columns() * 4;
            for (int k = 0; k < GROUP; k += WIDTH) {
                Vector half[4][6], none = {};
                for (int j = 0; j < 6; j++) {
                    Vector column[6], changed[4];
                    for (int i = 0; i < 6; i++) column[i] = load(products + t * PRODUCT_SIZE + (6 * i + j) * GROUP + k);
                    to_output(column, changed);
                    for (int i = 0; i < 4; i++) half[i][j] = changed[i];
                }
                Vector constant = bias ? load(bias + group * GROUP + k) : none, rows[4][4];
                for (int i = 0; i < 4; i++) {
                    to_output(half[i], rows[i]);
                    for (int j = 0; j < 4; j++) {
                        rows[i][j] += constant;
                        if (relu) rows[i][j] = rows[i][j] <= 0 ? none : rows[i][j];  // keeps NaN, but not -0
                    }
                }
                if (out_maxima)
                    write_pooled(top, left, group * GROUP + k, rows);
                else
                    write(top, left, group * GROUP + k, rows);
            }
        }
    }

    void write(int top, int left, int channel, const Vector rows[4][4]) const {
        for (int i = 0; i < std::min(4, height - top); i++)
            for (int j = 0; j < std::min(4, width - left); j++) {
                size_t at = ((size_t)(top + i) * width + left + j) * outputs + channel;
                Vector none = {}, value = rows[i][j];
                if (mask) value = load(mask + at) == 0 ? none : value;
                store(out + at, value);
            }
    }

    void write_pooled(int top, int left, int channel, const Vector rows[4][4]) const {
        for (int i = 0; i < 4 && top + i + 1 < height; i += 2)
            for (int j = 0; j < 4 && left + j + 1 < width; j += 2) {
                Ints a = in_order(rows[i][j], out), b = in_order(rows[i + 1][j], out);
                Ints d = in_order(rows[i][j + 1], out), e = in_order(rows[i + 1][j + 1], out);
                Ints one = a > b ? a : b, other = d > e ? d : e;
                Ints position = other > one ? 2 - (e > d) : 0 - (b > a);  // a comparison is -1 if it is true
                Ints largest = other > one ? other : one;
                size_t at = ((size_t)((top + i) / 2) * (width / 2) + (left + j) / 2) * outputs + channel;
                store_bits(out + at, largest);
                *(Bytes*)(out_maxima + at) = __builtin_convertvector(largest == 0 ? 0 * position + 4 : position, Bytes);
            }
    }

    bool run(int threads) const {
        int blocks = (tiles() + tiles_at_once() - 1) / tiles_at_once(), groups = outputs / GROUP, jobs = blocks * groups;
        // Threads share the outputs of a block where there are few blocks, as reading the filters takes longest there.
        int together = blocks >= 2 * threads ? groups : (jobs + threads - 1) / threads;
        T* zeros = (T*)calloc(inputs, sizeof(T));
        T* spectra = (T*)aligned_alloc(64, sizeof(T) * tiles_at_once() * spectrum_size(inputs) * threads);
        float* products = (float*)aligned_alloc(64, sizeof(float) * tiles_at_once() * PRODUCT_SIZE * threads);
        const bool enough = zeros && spectra && products;
        if (enough) {
#pragma omp parallel num_threads(threads)
            {
                T* own_spectra = spectra + tiles_at_once() * spectrum_size(inputs) * omp_get_thread_num();
                float* own_products = products + tiles_at_once() * PRODUCT_SIZE * omp_get_thread_num();
                int transformed = -1;
#pragma omp for schedule(dynamic, together)
                for (int job = 0; job < jobs; job++) {
                    int block = job / groups, group = job % groups;
                    int first = block * tiles_at_once(), count = std::min(tiles_at_once(), tiles() - first);
                    if (block != transformed) transform_patches(first, count, zeros, own_spectra);
                    transformed = block;
                    multiply(count, group, own_spectra, own_products);
                    transform_products(first, count, group, own_products);
                }
            }
        }
        free(products);
        free(spectra);
        free(zeros);
        return enough;
    }
};

}  // namespace

extern "C" {

// Outputs that are neighbours in `filters`.
int filter_block() { return VECTORS * WIDTH; }

// 0 without enough memory, as in bfloat16.
int convolve_float32(const float* in, float* out, const float* filters, const float* bias, const float* mask,
                     const int8_t* in_maxima, int8_t* out_maxima, int height, int width, int inputs, int outputs,
                     bool relu, int threads) {
    return Layer<float>{in, out, filters, bias, mask, in_maxima, out_maxima, height, width, inputs, outputs, relu}.run(
        threads);
}

#ifdef __AVX512BF16__
int convolve_bfloat16(const bfloat16* in, bfloat16* out, const bfloat16* filters, const float* bias,
                      const bfloat16* mask, const int8_t* in_maxima, int8_t* out_maxima, int height, int width,
                      int inputs, int outputs, bool relu, int threads) {
    return Layer<bfloat16>{in, out, filters, bias, mask, in_maxima, out_maxima, height, width, inputs, outputs, relu}
        .run(threads);
}
#endif
}
