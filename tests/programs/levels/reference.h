// The network of the level programs, computed here: 3x3 convolution with padding 1, ReLU, 2x2 maximum, a matrix, softmax.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace reference {

constexpr int kBatch = 2, kSide = 6, kMaps = 3, kHalf = kSide / 2, kFeatures = kMaps * kHalf * kHalf, kClasses = 4;

inline std::vector<float> wave(int count, float phase) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = std::sin(static_cast<float>(i) * 0.9f + phase);
  return values;
}

struct Weights {
  std::vector<float> kernel = wave(kMaps * 9, 0.1f), bias = wave(kMaps, 0.2f);
  std::vector<float> matrix = wave(kClasses * kFeatures, 0.3f), offset = wave(kClasses, 0.4f);
  std::vector<float> image = wave(kBatch * kSide * kSide, 0.5f);
};

inline double pixel(Weights const& w, int b, int y, int x) {
  if (y < 0 || y >= kSide || x < 0 || x >= kSide) return 0;
  return w.image[static_cast<std::size_t>((b * kSide + y) * kSide + x)];
}

inline std::vector<double> run(Weights const& w) {
  std::vector<double> all;
  for (int b = 0; b < kBatch; ++b) {
    std::vector<double> features;
    for (int k = 0; k < kMaps; ++k)
      for (int i = 0; i < kHalf; ++i)
        for (int j = 0; j < kHalf; ++j) {
          double best = 0;  // of ReLU
          for (int p = 0; p < 4; ++p) {
            double sum = w.bias[static_cast<std::size_t>(k)];
            for (int t = 0; t < 9; ++t)
              sum += pixel(w, b, 2 * i + p / 2 + t / 3 - 1, 2 * j + p % 2 + t % 3 - 1) *
                     w.kernel[static_cast<std::size_t>(k * 9 + t)];
            best = std::max(best, sum);
          }
          features.push_back(best);
        }
    std::vector<double> scores;
    double total = 0;
    for (int c = 0; c < kClasses; ++c) {
      double sum = w.offset[static_cast<std::size_t>(c)];
      for (int f = 0; f < kFeatures; ++f)
        sum += features[static_cast<std::size_t>(f)] * w.matrix[static_cast<std::size_t>(c * kFeatures + f)];
      scores.push_back(std::exp(sum));
      total += scores.back();
    }
    for (double s : scores) all.push_back(s / total);
  }
  return all;
}

inline int check(std::vector<float> const& got, Weights const& w) {
  std::vector<double> const wanted = run(w);
  int bad = got.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < got.size() && i < wanted.size(); ++i) {
    if (std::abs(got[i] - wanted[i]) < 1e-5) continue;
    std::printf("element %zu is %g, not %g\n", i, static_cast<double>(got[i]), wanted[i]);
    ++bad;
  }
  std::printf("%s\n", bad ? "FAILED" : "PASSED");
  return bad;
}

}  // namespace reference
