// MappedFile: a file's bytes, read-only, as they are at the moment of opening.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hauspost::transport {

class MappedFile {
 public:
  // kNotFound: gone.
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  std::string_view bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::string_view bytes) : bytes_(bytes) {}
  std::string_view bytes_;
};

}  // namespace hauspost::transport
