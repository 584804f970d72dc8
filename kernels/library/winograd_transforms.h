// SPDX-License-Identifier: Apache-2.0
// The transforms of F(m, 3) along one axis, for m = 2 and m = 4 (Note [Winograd]). T is a number or
// a vector of numbers. The matrices are those of Lavin and Gray, section 4, which belong to the
// points 0, 1, −1 and ∞, and for m = 4 also 2 and −2.
#pragma once

namespace weft::kernels::winograd {

template <int m>
struct Transforms;

template <>
struct Transforms<2> {
  static constexpr int n = 4;
  template <class T>  // u = Bᵀ d
  [[gnu::always_inline]] static void input(const T (&d)[4], T (&u)[4]) {
    u[0] = d[0] - d[2];
    u[1] = d[1] + d[2];
    u[2] = d[2] - d[1];
    u[3] = d[1] - d[3];
  }
  template <class T>  // u = G g
  [[gnu::always_inline]] static void weight(const T (&g)[3], T (&u)[4]) {
    const T even = (g[0] + g[2]) * 0.5f, odd = g[1] * 0.5f;
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g[2];
  }
  template <class T>  // y = Aᵀ s
  [[gnu::always_inline]] static void output(const T (&s)[4], T (&y)[2]) {
    y[0] = s[0] + s[1] + s[2];
    y[1] = s[1] - s[2] - s[3];
  }
  template <class T>  // u = A dy
  [[gnu::always_inline]] static void output_gradient(const T (&dy)[2], T (&u)[4]) {
    u[0] = dy[0];
    u[1] = dy[0] + dy[1];
    u[2] = dy[0] - dy[1];
    u[3] = T{} - dy[1];
  }
  template <class T>  // dg = Gᵀ s
  [[gnu::always_inline]] static void weight_gradient(const T (&s)[4], T (&dg)[3]) {
    const T sum = (s[1] + s[2]) * 0.5f;
    dg[0] = s[0] + sum;
    dg[1] = (s[1] - s[2]) * 0.5f;
    dg[2] = sum + s[3];
  }
};

template <>
struct Transforms<4> {
  static constexpr int n = 6;
  template <class T>
  [[gnu::always_inline]] static void input(const T (&d)[6], T (&u)[6]) {
    const T p = d[4] - d[2] * 4.0f, q = d[3] - d[1] * 4.0f;
    const T r = d[4] - d[2], s = (d[3] - d[1]) * 2.0f;
    u[0] = d[0] * 4.0f - d[2] * 5.0f + d[4];
    u[1] = p + q;
    u[2] = p - q;
    u[3] = r + s;
    u[4] = r - s;
    u[5] = d[1] * 4.0f - d[3] * 5.0f + d[5];
  }
  template <class T>
  [[gnu::always_inline]] static void weight(const T (&g)[3], T (&u)[6]) {
    const T even = (g[0] + g[2]) * (-1.0f / 6), odd = g[1] * (-1.0f / 6);
    const T far = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), far_odd = g[1] * (1.0f / 12);
    u[0] = g[0] * 0.25f;
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = far + far_odd;
    u[4] = far - far_odd;
    u[5] = g[2];
  }
  template <class T>
  [[gnu::always_inline]] static void output(const T (&s)[6], T (&y)[4]) {
    const T a = s[1] + s[2], b = s[1] - s[2], c = s[3] + s[4], e = s[3] - s[4];
    y[0] = s[0] + a + c;
    y[1] = b + e * 2.0f;
    y[2] = a + c * 4.0f;
    y[3] = b + e * 8.0f + s[5];
  }
  template <class T>
  [[gnu::always_inline]] static void output_gradient(const T (&dy)[4], T (&u)[6]) {
    const T even = dy[0] + dy[2], odd = dy[1] + dy[3];
    const T far = dy[0] + dy[2] * 4.0f, far_odd = dy[1] * 2.0f + dy[3] * 8.0f;
    u[0] = dy[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = far + far_odd;
    u[4] = far - far_odd;
    u[5] = dy[3];
  }
  template <class T>
  [[gnu::always_inline]] static void weight_gradient(const T (&s)[6], T (&dg)[3]) {
    const T sum = (s[1] + s[2]) * (-1.0f / 6), far = s[3] + s[4];
    dg[0] = s[0] * 0.25f + sum + far * (1.0f / 24);
    dg[1] = (s[2] - s[1]) * (1.0f / 6) + (s[3] - s[4]) * (1.0f / 12);
    dg[2] = sum + far * (1.0f / 6) + s[5];
  }
};

}  // namespace weft::kernels::winograd
