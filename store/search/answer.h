// What the search index says of bodies.
#pragma once

#include <memory>
#include <vector>

#include "store/search/run.h"

namespace hauspost::store {

// The runs of one moment, rising, none over another.
struct SearchRuns {
  std::vector<std::shared_ptr<const SearchRun>> runs;
  BodyId next{1};  // bodies from here on are not indexed
};

enum class SearchVerdict : std::uint8_t {
  kNo,
  kYes,
  kUnknown,  // look into the message
};

// The answer to one needle, for every body there is.
class SearchAnswer {
 public:
  struct Part {
    BodyId first;
    DocumentSet yes;    // contain it for certain
    DocumentSet maybe;  // contain it perhaps; what is in neither does not
  };
  explicit SearchAnswer(std::vector<Part> parts) : parts_(std::move(parts)) {}

  SearchVerdict of(BodyId body) const {
    if (parts_.empty()) return SearchVerdict::kUnknown;
    if (!within(parts_[last_], body) && !find(body)) return SearchVerdict::kUnknown;
    const Part& part = parts_[last_];
    const std::size_t at = body.value - part.first.value;
    if (part.yes.contains(at)) return SearchVerdict::kYes;
    return part.maybe.contains(at) ? SearchVerdict::kUnknown : SearchVerdict::kNo;
  }

 private:
  static bool within(const Part& part, BodyId body) {
    return body >= part.first && body.value - part.first.value < part.yes.size();
  }
  bool find(BodyId body) const;

  std::vector<Part> parts_;       // rising
  mutable std::size_t last_ = 0;  // where the last body was: the next is often there too
};

}  // namespace hauspost::store
