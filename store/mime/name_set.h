// NameSet: the header field names of one FETCH item.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace hauspost::mime {

// Most fields of a header are told apart by length alone. REQUIRES: `names` outlives it.
class NameSet {
 public:
  explicit NameSet(const std::vector<std::string>& names) : names_(names) {
    for (const std::string& name : names) lengths_ |= bit(name.size());
  }
  bool contains(std::string_view name) const {
    if ((lengths_ & bit(name.size())) == 0) return false;
    for (const std::string& wanted : names_) {
      if (iequals(wanted, name)) return true;
    }
    return false;
  }

 private:
  static std::uint64_t bit(std::size_t length) { return 1ULL << (length & 63); }
  const std::vector<std::string>& names_;
  std::uint64_t lengths_ = 0;
};

}  // namespace hauspost::mime
