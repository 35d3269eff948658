// A cuBLASLt for tests without a GPU, beside the stub of the driver: products of f32 are computed, slowly, where they lie in
// the host's memory; of what it is given it believes nothing that it need not.
#include <cstddef>
#include <cstdint>
#include <map>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Product {
  int compute = 0;
  int32_t transpose[2] = {0, 0};
};
struct Matrix {
  int type = 0;
  uint64_t rows = 0, cols = 0;
  int64_t stride = 0, next = 0;
  int32_t batch = 1;
};
long alive = 0;
long products = 0;

}  // namespace

EXPORT long stub_lt_alive() { return alive; }
EXPORT long stub_lt_products() { return products; }

EXPORT size_t cublasLtGetVersion() { return 130101; }
EXPORT int cublasLtCreate(void** handle) {
  ++alive;
  *handle = new char;
  return 0;
}
EXPORT int cublasLtDestroy(void* handle) {
  --alive;
  delete static_cast<char*>(handle);
  return 0;
}
EXPORT int cublasLtMatmulDescCreate(Product** product, int compute, int) {
  ++alive;
  *product = new Product{compute, {}};
  return 0;
}
EXPORT int cublasLtMatmulDescDestroy(Product* product) {
  --alive;
  delete product;
  return 0;
}
EXPORT int cublasLtMatmulDescSetAttribute(Product* product, int attribute, const void* value, size_t bytes) {
  if ((attribute != 3 && attribute != 4) || bytes != sizeof(int32_t)) return 7;
  product->transpose[attribute - 3] = *static_cast<const int32_t*>(value);
  return 0;
}
EXPORT int cublasLtMatrixLayoutCreate(Matrix** matrix, int type, uint64_t rows, uint64_t cols, int64_t stride) {
  if (rows == 0 || cols == 0 || stride < int64_t(rows)) return 7;
  ++alive;
  *matrix = new Matrix{type, rows, cols, stride};
  return 0;
}
EXPORT int cublasLtMatrixLayoutDestroy(Matrix* matrix) {
  --alive;
  delete matrix;
  return 0;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(Matrix* matrix, int attribute, const void* value, size_t bytes) {
  if (attribute == 5 && bytes == 4) matrix->batch = *static_cast<const int32_t*>(value);
  if (attribute == 6 && bytes == 8) matrix->next = *static_cast<const int64_t*>(value);
  return attribute == 5 || attribute == 6 ? 0 : 7;
}
EXPORT int cublasLtMatmulPreferenceCreate(void** preference) {
  ++alive;
  *preference = new char;
  return 0;
}
EXPORT int cublasLtMatmulPreferenceDestroy(void* preference) {
  --alive;
  delete static_cast<char*>(preference);
  return 0;
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(void*, int, const void*, size_t) { return 0; }
EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, const Product*, const Matrix*, const Matrix*, const Matrix*, const Matrix*,
                                          void*, int, uint64_t* ways, int* count) {
  constexpr size_t kWords = 12, kWorkspace = 8;
  for (size_t i = 0; i < kWords; ++i) ways[i] = 0;
  ways[kWorkspace] = 1024;
  *count = 1;
  return 0;
}
EXPORT int cublasLtMatmul(void*, const Product* p, const float* alpha, const float* a, const Matrix* la, const float* b,
                          const Matrix* lb, const float*, const void* c, const Matrix* lc, float* d, const Matrix* ld,
                          const void*, void* workspace, size_t workspace_bytes, void*) {
  const uint64_t depth = p->transpose[0] ? la->rows : la->cols;
  if (la->type != 0 || lb->type != 0 || ld->type != 0 || c != d || lc != ld || workspace_bytes != 1024 || !workspace) return 7;
  if ((p->transpose[0] ? la->cols : la->rows) != ld->rows || (p->transpose[1] ? lb->rows : lb->cols) != ld->cols ||
      (p->transpose[1] ? lb->cols : lb->rows) != depth || la->batch != ld->batch || lb->batch != ld->batch)
    return 7;
  ++products;
  const auto at = [](const float* m, const Matrix* l, int64_t n, uint64_t row, uint64_t col, bool transposed) {
    const uint64_t r = transposed ? col : row, k = transposed ? row : col;
    return m[n * l->next + int64_t(k) * l->stride + int64_t(r)];
  };
  for (int64_t n = 0; n < ld->batch; ++n) {
    for (uint64_t j = 0; j < ld->cols; ++j) {
      for (uint64_t i = 0; i < ld->rows; ++i) {
        float sum = 0;
        for (uint64_t k = 0; k < depth; ++k)
          sum += at(a, la, n, i, k, p->transpose[0] != 0) * at(b, lb, n, k, j, p->transpose[1] != 0);
        d[n * ld->next + int64_t(j) * ld->stride + int64_t(i)] = *alpha * sum;
      }
    }
  }
  return 0;
}
