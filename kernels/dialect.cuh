// The dialect in which kernels are written. NVRTC compiles it for a GPU, the host C++ compiler for a CPU; everything that
// differs between the two is in this file.
//
// Set by -D:  SCALAR   the type of sequences and states in memory
//             REAL     the type of the arithmetic: float, or double for double
//             THREADS  threads per block: 1 on a CPU
//             LANES    hidden units processed in parallel: registers on a GPU, a SIMD loop on a CPU
//   on a GPU: PREFETCH values loaded ahead
//   on a CPU: TILE     the most lanes that a thread owns;  STREAM  1 if outputs bypass the cache
//
// A host compiler accepts the form for a GPU too, with THREADS above 1: the tests run it with real threads.
#pragma once

#ifdef __CUDACC_RTC__

#define INLINE __device__ __forceinline__
#define INLINED
#define UNROLL _Pragma("unroll") for
#define COPY_BYTES memcpy

#else

#define __global__ inline  // only the kernel that is called is compiled
#if THREADS > 1
#define __shared__ static
#else
#define __shared__
#endif
#define INLINE inline __attribute__((always_inline))
#define INLINED __attribute__((always_inline))  // after the parameters of a long lambda, which otherwise is called lane by lane
#ifdef __clang__
#define UNROLL _Pragma("unroll") for
#define SIMD _Pragma("clang loop vectorize(enable)") for
#else
#define UNROLL _Pragma("GCC unroll 16") for
#define SIMD _Pragma("GCC ivdep") for
#endif
#define COPY_BYTES __builtin_memcpy

struct dim3 { unsigned x, y, z; };
static thread_local dim3 blockIdx, gridDim;
static const dim3 blockDim = {THREADS, 1, 1};
#if THREADS > 1
static thread_local dim3 threadIdx;
void __syncthreads();  // defined by the code that runs the threads
#else
static const dim3 threadIdx = {0, 0, 0};
static INLINE void __syncthreads() {}
#endif

// C's mathematical functions, overloaded for float as in CUDA. No header, so that a compiler without libraries suffices.
#define MATH(name, parameters, arguments) \
    extern "C" double name parameters(double); extern "C" float name##f parameters(float); \
    static INLINE float name parameters(float) { return __builtin_##name##f arguments; }
#define ONE(T) (T a)
#define TWO(T) (T a, T b)
#define THREE(T) (T a, T b, T c)
MATH(exp, ONE, (a)) MATH(expm1, ONE, (a)) MATH(log, ONE, (a)) MATH(log1p, ONE, (a)) MATH(sqrt, ONE, (a))
MATH(sin, ONE, (a)) MATH(cos, ONE, (a)) MATH(tanh, ONE, (a)) MATH(erf, ONE, (a)) MATH(fabs, ONE, (a))
MATH(floor, ONE, (a)) MATH(pow, TWO, (a, b)) MATH(fmax, TWO, (a, b)) MATH(fmin, TWO, (a, b))
MATH(copysign, TWO, (a, b)) MATH(fma, THREE, (a, b, c))
#undef MATH
#undef ONE
#undef TWO
#undef THREE

#endif

#if THREADS > 1
#define EACH_LANE(v, width) UNROLL (int v = 0; v < LANES; ++v) if (v < width)
#define TILE LANES
#define STREAM 0
#define PAD 0
#else
#define PAD 80  // values between arrays of lanes, which would otherwise map to the same sets of the L1 cache
#define EACH_LANE(v, width) SIMD (int v = 0; v < width; ++v)
#endif

// The bits of one type read as another of the same size.
template <class To, class From> INLINE To bit_cast(From from) {
    To to;
    COPY_BYTES(&to, &from, sizeof to);
    return to;
}

// 16-bit storage of a float: rounded to nearest, ties to even; NaN stays NaN. Integer arithmetic, so that a host compiler
// vectorises it; a GPU has instructions for it.
struct BFloat16 {
    unsigned short bits;
    BFloat16() = default;
    INLINE BFloat16(float value) {
        const unsigned b = bit_cast<unsigned>(value);
        bits = int(b & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (b + 0x7fff + ((b >> 16) & 1)) >> 16;
    }
    INLINE operator float() const { return bit_cast<float>(unsigned(bits) << 16); }
};

struct Half {
    unsigned short bits;
    Half() = default;
#ifdef __CUDACC_RTC__
    INLINE Half(float value) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value)); }
    INLINE operator float() const { float value; asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits)); return value; }
#else
    INLINE Half(float value) {
        const unsigned b = bit_cast<unsigned>(value), a = b & 0x7fffffff, sign = b >> 16 & 0x8000;
        const unsigned normal = (a - (112u << 23) + 0xfff + (a >> 13 & 1)) >> 13;
        const unsigned small = bit_cast<unsigned>(bit_cast<float>(a) + 0.5f) - (126u << 23);  // below 2^-14
        const unsigned large = a > 0x7f800000 ? 0x7e00 : 0x7c00;                              // NaN or infinity
        bits = sign | (a >= 0x47800000 ? large : a < 0x38800000 ? small : normal);
    }
    INLINE operator float() const {
        const unsigned a = bits & 0x7fff, sign = unsigned(bits & 0x8000) << 16;
        const unsigned b = bit_cast<unsigned>(bit_cast<float>(a << 13) * 0x1p112f) | (a >= 0x7c00 ? 0x7f800000 : 0);
        return bit_cast<float>(b | sign);
    }
#endif
};

typedef SCALAR scalar;
typedef REAL real;

#if STREAM

// The widest store that bypasses the cache.
#if defined(__AVX512F__)
typedef float StreamVector __attribute__((vector_size(64)));
#elif defined(__AVX__)
typedef float StreamVector __attribute__((vector_size(32)));
#else
typedef float StreamVector __attribute__((vector_size(16)));
#endif
INLINE void stream(StreamVector* to, StreamVector value) {
#if defined(__clang__)
    __builtin_nontemporal_store(value, to);
#elif defined(__AVX512F__)
    __builtin_ia32_movntps512((float*)to, value);
#elif defined(__AVX__)
    __builtin_ia32_movntps256((float*)to, value);
#elif defined(__SSE__)
    __builtin_ia32_movntps((float*)to, value);
#else
    *to = value;
#endif
}

// Writes the results of LANES lanes. A full, aligned run bypasses the cache: an ordinary store first reads the line that it
// overwrites, a third of all traffic if the output does not fit the cache.
INLINE void stream_lanes(scalar* to, const scalar (&values)[LANES], int width) {
    if (width < LANES || bit_cast<unsigned long long>(to) % sizeof(StreamVector)) {
        EACH_LANE(v, width) to[v] = values[v];
        return;
    }
    UNROLL (int i = 0; i < int(LANES * sizeof(scalar) / sizeof(StreamVector)); ++i) {
        StreamVector value;
        COPY_BYTES(&value, (const char*)values + i * sizeof value, sizeof value);
        stream((StreamVector*)to + i, value);
    }
}

#endif
