// Pooling, ReLU, losses and L-BFGS, each in one pass over memory, which is the limit: PyTorch's operations take several.
// `nst.network.compiled` calls it.
//
// Features are H x W x C (channels last). Pooling and ReLU compare and move them as integers with the same bits, which
// have the same order as the floats, as both are non-negative.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

typedef uint16_t bfloat16;
constexpr int LANES = 16;

inline float number(float x) { return x; }
inline float number(bfloat16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
inline void round_to(float x, float& out) { out = x; }
inline void round_to(float x, bfloat16& out) {  // to the nearest, ties to even
    uint32_t bits;
    memcpy(&bits, &x, 4);
    out = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

template <class Int>
void pool(const Int* __restrict in, Int* __restrict out, int8_t* __restrict positions, int height, int width,
          int channels, int threads) {
    const size_t below = (size_t)width * channels, right = channels;
#pragma omp parallel for num_threads(threads)
    for (int y = 0; y < height / 2; y++)
        for (int x = 0; x < width / 2; x++) {
            const Int* corner = in + ((size_t)2 * y * width + 2 * x) * channels;
            size_t at = ((size_t)y * (width / 2) + x) * channels;
            for (int c = 0; c < channels; c++) {
                Int a = corner[c], b = corner[below + c], d = corner[right + c], e = corner[below + right + c];
                Int left = std::max(a, b), other = std::max(d, e), largest = std::max(left, other);
                int8_t position = other > left ? 2 + (e > d) : b > a;
                out[at + c] = largest;
                positions[at + c] = largest ? position : 4;
            }
        }
}

template <class Int>
void unpool(const Int* __restrict grad, const int8_t* __restrict positions, Int* __restrict out, int height, int width,
            int channels, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int y = 0; y < height / 2; y++) {
        for (int x = 0; x < width / 2; x++) {
            size_t at = ((size_t)y * (width / 2) + x) * channels;
            for (int place = 0; place < 4; place++) {
                Int* corner = out + ((size_t)(2 * y + place % 2) * width + 2 * x + place / 2) * channels;
                for (int c = 0; c < channels; c++) corner[c] = positions[at + c] == place ? grad[at + c] : 0;
            }
        }
        if (width % 2)
            for (int row = 2 * y; row < 2 * y + 2; row++)
                std::fill_n(out + ((size_t)row * width + width - 1) * channels, channels, Int(0));
    }
    if (height % 2) std::fill_n(out + (size_t)(height - 1) * width * channels, (size_t)width * channels, Int(0));
}

template <class Int>
void relu_gradient(const Int* grad, const Int* features, Int* out, int positions, int channels, int threads) {
    const int64_t count = (int64_t)positions * channels;
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < count; i++) out[i] = features[i] > 0 ? grad[i] : 0;
}

// Of R rows, whose numbers begin with `first`, and N columns. It updates the largest number of each column, `best`, and
// its row, `rows`; and the largest number of each row so far, `largest`, in LANES parts.
template <int R, int N, class T>
inline void add_maxima(const T* x, int columns, int first, float* best, int* rows, float (*largest)[LANES]) {
#pragma omp simd
    for (int k = 0; k < N; k++) {
        float highest = best[k];
        int row = rows[k];
        for (int r = 0; r < R; r++) {
            float value = number(x[(size_t)r * columns + k]);
            largest[r][k] = std::max(largest[r][k], value);
            row = value > highest ? first + r : row;
            highest = std::max(highest, value);
        }
        best[k] = highest;
        rows[k] = row;
    }
}

// `maxima` for R rows: the column of the largest number in each, R, and the columns' `best` and `rows` so far.
template <int R, class T>
void maxima_of_rows(const T* x, int columns, int first, float* best, int* rows, int64_t* of_rows) {
    float largest[R][LANES];
    for (auto& of_row : largest) std::fill_n(of_row, LANES, -INFINITY);
    int c = 0;
    for (; c + LANES <= columns; c += LANES) add_maxima<R, LANES>(x + c, columns, first, best + c, rows + c, largest);
    for (; c < columns; c++) add_maxima<R, 1>(x + c, columns, first, best + c, rows + c, largest);
    for (int r = 0; r < R; r++) {
        const T* row = x + (size_t)r * columns;
        float target = *std::max_element(largest[r], largest[r] + LANES);
        int start = 0, found = 0;
        for (; start + LANES <= columns; start += LANES) {
            found = 0;
            for (int k = 0; k < LANES; k++) found |= number(row[start + k]) == target;
            if (found) break;
        }
        while (start + 1 < columns && number(row[start]) != target) start++;
        of_rows[r] = std::min(start, columns - 1);  // of NaN none is found
    }
}

// The column of the largest number in each of M rows, M; and the largest of each of K columns, with its row. The first
// of equal ones.
template <class T>
void maxima(const T* numbers, int64_t* of_rows, float* highest, int64_t* of_columns, int count, int columns,
            int threads) {
    constexpr int TOGETHER = 8;
    std::fill_n(highest, columns, -INFINITY);
    std::fill_n(of_columns, columns, 0);
#pragma omp parallel num_threads(threads)
    {
        std::vector<float> best(columns, -INFINITY);
        std::vector<int> rows(columns);
#pragma omp for schedule(static)
        for (int start = 0; start < count; start += TOGETHER) {
            const T* x = numbers + (size_t)start * columns;
            if (start + TOGETHER <= count)
                maxima_of_rows<TOGETHER>(x, columns, start, best.data(), rows.data(), of_rows + start);
            else
                for (int i = start; i < count; i++, x += columns)
                    maxima_of_rows<1>(x, columns, i, best.data(), rows.data(), of_rows + i);
        }
#pragma omp critical
        for (int c = 0; c < columns; c++)
            if (best[c] > highest[c] || (best[c] == highest[c] && rows[c] < of_columns[c])) {
                highest[c] = best[c];
                of_columns[c] = rows[c];
            }
    }
}

// Calls `row(i, sums)` for each of M rows, which adds N numbers to `sums`; their totals are in `totals`, N.
template <class Row>
void add_rows(double* totals, int count, int channels, int threads, Row row) {
    constexpr int BLOCK = 64;  // rows that are added in float32
    std::fill_n(totals, channels, 0.0);
#pragma omp parallel num_threads(threads)
    {
        std::vector<double> own(channels);
        std::vector<float> sums(channels);
#pragma omp for schedule(static)
        for (int block = 0; block < (count + BLOCK - 1) / BLOCK; block++) {
            std::fill(sums.begin(), sums.end(), 0.0f);
            for (int i = BLOCK * block; i < std::min(count, BLOCK * (block + 1)); i++) row(i, sums.data());
            for (int c = 0; c < channels; c++) own[c] += sums[c];
        }
#pragma omp critical
        for (int c = 0; c < channels; c++) totals[c] += own[c];
    }
}

template <class T>
void column_sums(const T* rows, double* totals, int count, int channels, int threads) {
    add_rows(totals, count, channels, threads, [=](int i, float* sums) {
        const T* x = rows + (size_t)i * channels;
        for (int c = 0; c < channels; c++) sums[c] += number(x[c]);
    });
}

// Of each of M rows: `lengths`, its distance from the mean; `along`, its direction times its target. The gradients of
// the latter with respect to the rows have the column sums `totals`, N.
template <class T>
void similarities(const T* rows, const T* target, const float* mean, float* lengths, float* along, double* totals,
                  int count, int channels, int threads) {
    add_rows(totals, count, channels, threads, [=](int i, float* sums) {
        const T* x = rows + (size_t)i * channels;
        const T* t = target + (size_t)i * channels;
        float squares = 0, product = 0;
#pragma omp simd reduction(+ : squares, product)
        for (int c = 0; c < channels; c++) {
            float offset = number(x[c]) - mean[c];
            squares += offset * offset;
            product += offset * number(t[c]);
        }
        lengths[i] = std::max(std::sqrt(squares), 1e-6f);
        along[i] = product / lengths[i];
        float inverse = 1 / lengths[i], share = along[i] * inverse;
#pragma omp simd
        for (int c = 0; c < channels; c++) sums[c] += (number(t[c]) - (number(x[c]) - mean[c]) * share) * inverse;
    });
}

// Adds to `gradient` that of the sum of `along` with respect to the rows, minus `shift`, N; times `scale`.
template <class T>
void add_similarity_gradient(const T* rows, const T* target, const float* mean, const float* lengths,
                             const float* along, const float* shift, T* gradient, float scale, int count,
                             int channels, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int i = 0; i < count; i++) {
        size_t at = (size_t)i * channels;
        float inverse = 1 / lengths[i], share = along[i] * inverse;
#pragma omp simd
        for (int c = 0; c < channels; c++) {
            float across = (number(target[at + c]) - (number(rows[at + c]) - mean[c]) * share) * inverse;
            round_to(number(gradient[at + c]) + (across - shift[c]) * scale, gradient[at + c]);
        }
    }
}

// Of each of M rows the squared distance from its target, M.
template <class T>
void squared_distances(const T* rows, const T* target, float* squares, int count, int channels, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int i = 0; i < count; i++) {
        size_t at = (size_t)i * channels;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int c = 0; c < channels; c++) {
            float offset = number(rows[at + c]) - number(target[at + c]);
            sum += offset * offset;
        }
        squares[i] = sum;
    }
}

// Adds to `gradient` the offsets of the rows from their targets, times the factor of each, M.
template <class T>
void add_offsets(const T* rows, const T* target, const float* factors, T* gradient, int count, int channels,
                 int threads) {
#pragma omp parallel for num_threads(threads)
    for (int i = 0; i < count; i++) {
        size_t at = (size_t)i * channels;
#pragma omp simd
        for (int c = 0; c < channels; c++) {
            float offset = number(rows[at + c]) - number(target[at + c]);
            round_to(number(gradient[at + c]) + factors[i] * offset, gradient[at + c]);
        }
    }
}

// The products of each of R rows of N numbers with a vector and with one of the rows: `products`, parts x R x 2. A part
// of a row has `length` numbers, which stay in the cache.
template <class T>
void row_products(const T* rows, const float* vector, const T* row, float* products, int count, int numbers, int length,
                  int threads) {
#pragma omp parallel for num_threads(threads)
    for (int part = 0; part < (numbers + length - 1) / length; part++) {
        const int start = part * length, size = std::min(length, numbers - start);
        for (int r = 0; r < count; r++) {
            const T* x = rows + (size_t)r * numbers + start;
            float of_vector = 0, of_row = 0;
#pragma omp simd reduction(+ : of_vector, of_row)
            for (int i = 0; i < size; i++) {
                of_vector += number(x[i]) * vector[start + i];
                of_row += number(x[i]) * number(row[start + i]);
            }
            products[((size_t)part * count + r) * 2] = of_vector;
            products[((size_t)part * count + r) * 2 + 1] = of_row;
        }
    }
}

// vector = scale * vector + the rows times their factors.
template <class T>
void add_rows_to(const T* rows, const float* factors, const float* scale, float* vector, int count, int numbers,
                 int length, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int part = 0; part < (numbers + length - 1) / length; part++) {
        const int start = part * length, size = std::min(length, numbers - start);
        for (int i = start; i < start + size; i++) vector[i] *= *scale;
        for (int r = 0; r < count; r++) {
            const T* x = rows + (size_t)r * numbers + start;
            const float factor = factors[r];
#pragma omp simd
            for (int i = 0; i < size; i++) vector[start + i] += factor * number(x[i]);
        }
    }
}

}  // namespace

#define FOR_INTEGERS(INT, SUFFIX)                                                                                     \
    void pool_##SUFFIX(const INT* in, INT* out, int8_t* positions, int height, int width, int channels, int threads) { \
        pool(in, out, positions, height, width, channels, threads);                                                   \
    }                                                                                                                 \
    void unpool_##SUFFIX(const INT* grad, const int8_t* positions, INT* out, int height, int width, int channels,      \
                         int threads) {                                                                               \
        unpool(grad, positions, out, height, width, channels, threads);                                               \
    }                                                                                                                 \
    void relu_gradient_##SUFFIX(const INT* grad, const INT* features, INT* out, int positions, int channels,           \
                                int threads) {                                                                        \
        relu_gradient(grad, features, out, positions, channels, threads);                                             \
    }

#define FOR_FLOATS(T, SUFFIX)                                                                                         \
    void maxima_##SUFFIX(const T* numbers, int64_t* of_rows, float* highest, int64_t* of_columns, int count,           \
                         int columns, int threads) {                                                                  \
        maxima(numbers, of_rows, highest, of_columns, count, columns, threads);                                       \
    }                                                                                                                 \
    void column_sums_##SUFFIX(const T* rows, double* totals, int count, int channels, int threads) {                   \
        column_sums(rows, totals, count, channels, threads);                                                          \
    }                                                                                                                 \
    void similarities_##SUFFIX(const T* rows, const T* target, const float* mean, float* lengths, float* along,    \
                               double* totals, int count, int channels, int threads) {                                \
        similarities(rows, target, mean, lengths, along, totals, count, channels, threads);                           \
    }                                                                                                                 \
    void add_similarity_gradient_##SUFFIX(const T* rows, const T* target, const float* mean, const float* lengths,     \
                                          const float* along, const float* shift, T* gradient, float scale, int count, \
                                          int channels, int threads) {                                                \
        add_similarity_gradient(rows, target, mean, lengths, along, shift, gradient, scale, count, channels, threads); \
    }                                                                                                                 \
    void squared_distances_##SUFFIX(const T* rows, const T* target, float* squares, int count, int channels,           \
                                    int threads) {                                                                    \
        squared_distances(rows, target, squares, count, channels, threads);                                           \
    }                                                                                                                 \
    void add_offsets_##SUFFIX(const T* rows, const T* target, const float* factors, T* gradient, int count,            \
                              int channels, int threads) {                                                            \
        add_offsets(rows, target, factors, gradient, count, channels, threads);                                       \
    }                                                                                                                 \
    void row_products_##SUFFIX(const T* rows, const float* vector, const T* row, float* products, int count,           \
                               int numbers, int length, int threads) {                                                \
        row_products(rows, vector, row, products, count, numbers, length, threads);                                   \
    }                                                                                                                 \
    void add_rows_to_##SUFFIX(const T* rows, const float* factors, const float* scale, float* vector, int count,       \
                              int numbers, int length, int threads) {                                                 \
        add_rows_to(rows, factors, scale, vector, count, numbers, length, threads);                                   \
    }

extern "C" {
FOR_INTEGERS(int16_t, 16)
FOR_INTEGERS(int32_t, 32)
FOR_FLOATS(float, float32)
FOR_FLOATS(bfloat16, bfloat16)
}
