#include "backend/cpu/run/tile/move.h"

#include <cstring>

#include "backend/cpu/run/tile/ops.h"

namespace temper::cpu::tile {
namespace {

uint8_t nibble(const uint8_t* p, int64_t at) { return (p[at >> 1] >> ((at & 1) * 4)) & 15; }
void set_nibble(uint8_t* p, int64_t at, uint8_t value) {
  const int shift = static_cast<int>(at & 1) * 4;
  p[at >> 1] = static_cast<uint8_t>((p[at >> 1] & ~(15 << shift)) | ((value & 15) << shift));
}

// d[c * d_row + r] = s[r * s_row + c] for r < rows, c < cols; rows of s and of d are dense runs. In squares of about a cache
// line each way.
template <class T>
void transpose(T* d, int64_t d_row, const T* s, int64_t s_row, int64_t rows, int64_t cols) {
  if constexpr (sizeof(T) == 4) {
    tile_ops().transpose(d, d_row, s, s_row, rows, cols);
    return;
  }
  constexpr int64_t kSquare = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += kSquare) {
    const int64_t r1 = r0 + kSquare < rows ? r0 + kSquare : rows;
    for (int64_t c = 0; c < cols; ++c) {
      for (int64_t r = r0; r < r1; ++r) d[c * d_row + r] = s[r * s_row + c];
    }
  }
}

template <class T>
void fetch_as(T* tile, const T* tensor, const Block& b, int64_t tile_row) {
  if (b.col == 1) {
    if (b.rows == 1 || (b.row == b.cols && tile_row == b.cols)) {
      std::memcpy(tile, tensor, static_cast<size_t>(b.rows * b.cols) * sizeof(T));
      return;
    }
    for (int64_t r = 0; r < b.rows; ++r)
      std::memcpy(tile + r * tile_row, tensor + r * b.row, static_cast<size_t>(b.cols) * sizeof(T));
    return;
  }
  if (b.row == 1 && b.rows > 1) {
    transpose(tile, tile_row, tensor, b.col, b.cols, b.rows);
    return;
  }
  // Along the direction in which the tensor is denser.
  const bool by_rows = (b.row < 0 ? -b.row : b.row) < (b.col < 0 ? -b.col : b.col) && b.rows > 1;
  if (by_rows) {
    for (int64_t c = 0; c < b.cols; ++c) {
      for (int64_t r = 0; r < b.rows; ++r) tile[r * tile_row + c] = tensor[r * b.row + c * b.col];
    }
    return;
  }
  for (int64_t r = 0; r < b.rows; ++r) {
    const T* s = tensor + r * b.row;
    T* d = tile + r * tile_row;
    for (int64_t c = 0; c < b.cols; ++c) d[c] = s[c * b.col];
  }
}

template <class T>
void put_as(T* tensor, const T* tile, const Block& b) {
  if (b.col == 1) {
    for (int64_t r = 0; r < b.rows; ++r)
      std::memcpy(tensor + r * b.row, tile + r * b.cols, static_cast<size_t>(b.cols) * sizeof(T));
    return;
  }
  if (b.row == 1 && b.rows > 1) {
    transpose(tensor, b.col, tile, b.cols, b.rows, b.cols);
    return;
  }
  for (int64_t r = 0; r < b.rows; ++r) {
    for (int64_t c = 0; c < b.cols; ++c) tensor[r * b.row + c * b.col] = tile[r * b.cols + c];
  }
}

template <class T>
bool gather_as(T* tile, const T* tensor, const Block& b, const IndexOperand& index, const IndexOperand& guard, T pattern,
               int64_t limit) {
  bool good = true;
  for (int64_t r = 0; r < b.rows; ++r) {
    const int64_t* at = reinterpret_cast<const int64_t*>(index.data + r * index.step);
    const uint8_t* mask = guard.data == nullptr ? nullptr : reinterpret_cast<const uint8_t*>(guard.data + r * guard.step);
    T* d = tile + r * b.cols;
    const int64_t base = b.base + r * b.row;
    if (index.single && mask == nullptr) {
      // One place per row: the ends of the row tell whether all of it is inside.
      const int64_t first = base + *at, last = first + (b.cols - 1) * b.col;
      if (first < 0 || last < 0 || first >= limit || last >= limit) {
        good = false;
        for (int64_t c = 0; c < b.cols; ++c) d[c] = pattern;
      } else if (b.col == 1) {
        std::memcpy(d, tensor + first, static_cast<size_t>(b.cols) * sizeof(T));
      } else {
        for (int64_t c = 0; c < b.cols; ++c) d[c] = tensor[first + c * b.col];
      }
      continue;
    }
    for (int64_t c = 0; c < b.cols; ++c) {
      if (mask != nullptr && mask[guard.single ? 0 : c] == 0) {
        d[c] = pattern;
        continue;
      }
      const int64_t place = base + c * b.col + at[index.single ? 0 : c];
      const bool inside = static_cast<uint64_t>(place) < static_cast<uint64_t>(limit);
      good = good && inside;
      d[c] = inside ? tensor[place] : pattern;
    }
  }
  return good;
}

template <class T>
T pattern_of(const std::byte* pattern) {
  T value;
  std::memcpy(&value, pattern, sizeof(T));
  return value;
}

template <class F>
void by_size(int size, F f) {
  switch (size) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

}  // namespace

void fetch(std::byte* tile, const std::byte* tensor, const Block& b, int size, int64_t tile_row) {
  if (tile_row == 0) tile_row = b.cols;
  if (size == 0) {
    auto* p = reinterpret_cast<const uint8_t*>(tensor);
    for (int64_t r = 0; r < b.rows; ++r) {
      for (int64_t c = 0; c < b.cols; ++c) tile[r * tile_row + c] = std::byte{nibble(p, b.base + r * b.row + c * b.col)};
    }
    return;
  }
  by_size(size,
          [&]<class T>(T) { fetch_as(reinterpret_cast<T*>(tile), reinterpret_cast<const T*>(tensor) + b.base, b, tile_row); });
}

void put_back(std::byte* tensor, const std::byte* tile, const Block& b, int size) {
  if (size == 0) {
    auto* p = reinterpret_cast<uint8_t*>(tensor);
    for (int64_t r = 0; r < b.rows; ++r) {
      for (int64_t c = 0; c < b.cols; ++c)
        set_nibble(p, b.base + r * b.row + c * b.col, static_cast<uint8_t>(tile[r * b.cols + c]));
    }
    return;
  }
  by_size(size, [&]<class T>(T) { put_as(reinterpret_cast<T*>(tensor) + b.base, reinterpret_cast<const T*>(tile), b); });
}

void fill(std::byte* tile, int64_t n, const std::byte* pattern, int size) {
  by_size(size == 0 ? 1 : size, [&]<class T>(T) {
    const T value = pattern_of<T>(pattern);
    T* d = reinterpret_cast<T*>(tile);
    for (int64_t i = 0; i < n; ++i) d[i] = value;
  });
}

bool gather(std::byte* tile, const std::byte* tensor, const Block& b, int size, const IndexOperand& index,
            const IndexOperand& guard, const std::byte* pattern, int64_t limit) {
  if (size == 0) {
    // Nibbles one by one, through the same code: a view of each as a byte does not exist, so the places are resolved here.
    bool good = true;
    auto* p = reinterpret_cast<const uint8_t*>(tensor);
    for (int64_t r = 0; r < b.rows; ++r) {
      const int64_t* at = reinterpret_cast<const int64_t*>(index.data + r * index.step);
      const uint8_t* mask = guard.data == nullptr ? nullptr : reinterpret_cast<const uint8_t*>(guard.data + r * guard.step);
      for (int64_t c = 0; c < b.cols; ++c) {
        std::byte& d = tile[r * b.cols + c];
        d = *pattern;
        if (mask != nullptr && mask[guard.single ? 0 : c] == 0) continue;
        const int64_t place = b.base + r * b.row + c * b.col + at[index.single ? 0 : c];
        if (place >= 0 && place < limit)
          d = std::byte{nibble(p, place)};
        else
          good = false;
      }
    }
    return good;
  }
  bool good = true;
  by_size(size, [&]<class T>(T) {
    good = gather_as(reinterpret_cast<T*>(tile), reinterpret_cast<const T*>(tensor), b, index, guard, pattern_of<T>(pattern),
                     limit);
  });
  return good;
}

}  // namespace temper::cpu::tile
