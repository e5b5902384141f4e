// 3 x 3 convolutions by AMX, the matrix unit of Intel's processors: `nst.network.fused_convolution` calls it.
//
// Features are H x W x C in bfloat16 (channels last), C and the outputs K multiples of 32. A block of the input, with
// its margin, is copied to where it stays in the cache. There the unit reads shifted pixels as matrices: a convolution
// is nine products, and their sums stay in its registers. Memory limits the speed, so pooling, its gradient and ReLU are
// computed in the same pass.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <immintrin.h>
#include <omp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

typedef uint16_t bfloat16;

constexpr int RUN = 16;         // neighbouring pixels in a register of the unit
constexpr int DEPTH = 32;       // inputs in a register
constexpr int PANEL = 32;       // outputs in two registers
constexpr int ROWS = 8;         // rows of a block
constexpr int SPAN = 1 << 15;   // numbers in a row of a block, at most
constexpr int LARGE = 1 << 21;  // numbers; a larger output is written past the cache, where it would displace all else
constexpr int ALL_ZERO = 4;     // position where all four values are 0: see `nst.network.pooling`

struct alignas(64) Registers {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

struct Layer {
    const bfloat16* in;
    bfloat16* out;
    const bfloat16* filters;    // K / PANEL x 3 x C / DEPTH x 3 x DEPTH / 2 x PANEL x 2
    const float* bias;          // K, or null
    const bfloat16* mask;       // null, or H x W x K: outputs are set to 0 where it is 0
    const int8_t* in_maxima;    // null, or positions H / 2 x W / 2 x C of the maxima whose gradient `in` is
    int8_t* out_maxima;         // null, or where the positions of the pooled outputs go, H / 2 x W / 2 x K
    int height, width, inputs, outputs;
    bool relu;

    int block_width() const { return std::min((width + RUN - 1) / RUN, std::max(1, SPAN / inputs / RUN)) * RUN; }
    int columns() const { return (width + block_width() - 1) / block_width(); }
    int blocks() const { return (height + ROWS - 1) / ROWS * columns(); }
    int line() const { return (block_width() + 2) * inputs; }  // numbers in a row of a block with its margin

    void read_block(int top, int left, bfloat16* block) const {
        const int whole_width = in_maxima ? width / 2 * 2 : width, whole_height = in_maxima ? height / 2 * 2 : height;
        const int start = std::max(0, left - 1), stop = std::min(whole_width, left + block_width() + 1);
        for (int y = top - 1; y < top + ROWS + 1; y++, block += line()) {
            bfloat16* first = block + (size_t)(start - left + 1) * inputs;
            bfloat16* last = y < 0 || y >= whole_height ? first : first + (size_t)std::max(0, stop - start) * inputs;
            std::fill(block, first, 0);
            if (in_maxima)
                unpool(y, start, first, last);
            else
                memcpy(first, in + ((size_t)y * width + start) * inputs, sizeof(bfloat16) * (last - first));
            std::fill(last, block + line(), 0);
        }
        asm volatile("" ::: "memory");  // the compiler does not know that the unit reads it
    }

    void unpool(int y, int x, bfloat16* pixels, const bfloat16* end) const {
        for (; pixels < end; x++) {
            const size_t at = ((size_t)(y / 2) * (width / 2) + x / 2) * inputs;
            const __m256i place = _mm256_set1_epi8(y % 2 + 2 * (x % 2));
            for (int c = 0; c < inputs; c += DEPTH, pixels += DEPTH) {
                __m256i positions = _mm256_loadu_si256((const __m256i*)(in_maxima + at + c));
                __mmask32 here = _mm256_cmpeq_epi8_mask(positions, place);
                _mm512_storeu_si512(pixels, _mm512_maskz_loadu_epi16(here, in + at + c));
            }
        }
    }

    // RUN pixels of two rows: `sums` is 2 x RUN x PANEL.
    void multiply(const bfloat16* block, const bfloat16* f, float* sums) const {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        const int of_pixels = sizeof(bfloat16) * inputs, of_filters = sizeof(bfloat16) * 2 * PANEL;  // bytes of a row
        const int of_sums = sizeof(float) * PANEL;
        for (int dy = 0; dy < 3; dy++)
            for (int c = 0; c < inputs; c += DEPTH)
                for (int dx = 0; dx < 3; dx++, f += DEPTH * PANEL) {
                    const bfloat16* pixels = block + dy * line() + dx * inputs + c;
                    _tile_loadd(6, f, of_filters);
                    _tile_loadd(7, f + PANEL, of_filters);
                    _tile_loadd(4, pixels, of_pixels);
                    _tile_dpbf16ps(0, 4, 6);
                    _tile_dpbf16ps(1, 4, 7);
                    _tile_loadd(5, pixels + line(), of_pixels);
                    _tile_dpbf16ps(2, 5, 6);
                    _tile_dpbf16ps(3, 5, 7);
                }
        _tile_stored(0, sums, of_sums);
        _tile_stored(1, sums + 16, of_sums);
        _tile_stored(2, sums + RUN * PANEL, of_sums);
        _tile_stored(3, sums + RUN * PANEL + 16, of_sums);
    }

    // PANEL outputs of a pixel: the sums plus the bias, after the ReLU.
    __m512i outputs_of(const float* sums, const float* constants) const {
        const __m512 none = _mm512_setzero_ps();
        __m512 low = _mm512_loadu_ps(sums), high = _mm512_loadu_ps(sums + 16);
        if (bias) low += _mm512_loadu_ps(constants), high += _mm512_loadu_ps(constants + 16);
        if (relu) {  // keeps NaN, but not -0
            low = _mm512_mask_mov_ps(low, _mm512_cmp_ps_mask(low, none, _CMP_LE_OQ), none);
            high = _mm512_mask_mov_ps(high, _mm512_cmp_ps_mask(high, none, _CMP_LE_OQ), none);
        }
        return (__m512i)_mm512_cvtne2ps_pbh(high, low);
    }

    void write(int top, int left, int first, const float* sums) const {
        const bool large = (size_t)height * width * outputs > LARGE;
        for (int y = top; y < std::min(top + 2, height); y++)
            for (int x = left; x < std::min(left + RUN, width); x++) {
                const size_t at = ((size_t)y * width + x) * outputs + first;
                __m512i values = outputs_of(sums + ((y - top) * RUN + x - left) * PANEL, bias + first);
                if (mask) {
                    const __m512i own = _mm512_loadu_si512(mask + at), all_but_sign = _mm512_set1_epi16(0x7fff);
                    values = _mm512_maskz_mov_epi16(_mm512_test_epi16_mask(own, all_but_sign), values);
                }
                if (large)
                    _mm512_stream_si512((__m512i*)(out + at), values);
                else
                    _mm512_store_si512(out + at, values);
            }
    }

    // The maxima as integers with the same bits, which have the same order.
    void write_pooled(int top, int left, int first, const float* sums) const {
        if (top + 1 >= height) return;
        for (int x = 0; x < std::min(RUN, width - left) / 2; x++) {
            __m512i corners[4];
            for (int k = 0; k < 4; k++)
                corners[k] = outputs_of(sums + (k % 2 * RUN + 2 * x + k / 2) * PANEL, bias + first);
            __m512i one = _mm512_max_epi16(corners[0], corners[1]), other = _mm512_max_epi16(corners[2], corners[3]);
            __mmask32 below = _mm512_cmpgt_epi16_mask(corners[1], corners[0]);
            __mmask32 other_below = _mm512_cmpgt_epi16_mask(corners[3], corners[2]);
            __mmask32 right = _mm512_cmpgt_epi16_mask(other, one);
            __m512i largest = _mm512_max_epi16(one, other);
            __m256i position = _mm256_maskz_set1_epi8((below & ~right) | (other_below & right), 1);
            position = _mm256_mask_add_epi8(position, right, position, _mm256_set1_epi8(2));
            __mmask32 zero = _mm512_testn_epi16_mask(largest, largest);
            position = _mm256_mask_mov_epi8(position, zero, _mm256_set1_epi8(ALL_ZERO));
            const size_t at = ((size_t)(top / 2) * (width / 2) + left / 2 + x) * outputs + first;
            _mm512_store_si512(out + at, largest);
            _mm256_storeu_si256((__m256i*)(out_maxima + at), position);
        }
    }

    bool run(int threads) const {
        const int panels = outputs / PANEL, jobs = blocks() * panels;
        // Threads share the outputs of a block where there are few blocks.
        const int together = blocks() >= 2 * threads ? panels : (jobs + threads - 1) / threads;
        const size_t block_size = (size_t)(ROWS + 2) * line();
        bfloat16* memory = (bfloat16*)aligned_alloc(64, sizeof(bfloat16) * block_size * threads);
        if (!memory) return false;
#pragma omp parallel num_threads(threads)
        {
            const Registers registers;
            asm volatile("" ::: "memory");
            _tile_loadconfig(&registers);
            bfloat16* block = memory + block_size * omp_get_thread_num();
            alignas(64) float sums[2 * RUN * PANEL];
            int current = -1;
#pragma omp for schedule(dynamic, together)
            for (int job = 0; job < jobs; job++) {
                const int number = job / panels, panel = job % panels;
                const int top = number / columns() * ROWS, left = number % columns() * block_width();
                if (number != current) read_block(top, left, block);
                current = number;
                for (int y = 0; y < std::min(ROWS, height - top); y += 2)
                    for (int x = 0; x < std::min(block_width(), width - left); x += RUN) {
                        multiply(block + y * line() + x * inputs, filters + (size_t)panel * 9 * inputs * PANEL, sums);
                        if (out_maxima)
                            write_pooled(top + y, left + x, panel * PANEL, sums);
                        else
                            write(top + y, left + x, panel * PANEL, sums);
                    }
            }
            _tile_release();
            _mm_sfence();
        }
        free(memory);
        return true;
    }
};

}  // namespace

extern "C" {

// Whether this process may use the unit, for which it has to ask Linux.
int is_permitted() {
    constexpr int REQUEST_PERMISSION = 0x1023, TILE_DATA = 18;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

// Outputs that are neighbours in `filters`.
int filter_block() { return PANEL; }

// 0 without enough memory.
int convolve_bfloat16(const bfloat16* in, bfloat16* out, const bfloat16* filters, const float* bias,
                      const bfloat16* mask, const int8_t* in_maxima, int8_t* out_maxima, int height, int width,
                      int inputs, int outputs, bool relu, int threads) {
    return Layer{in, out, filters, bias, mask, in_maxima, out_maxima, height, width, inputs, outputs, relu}.run(threads);
}
}
