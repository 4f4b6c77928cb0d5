// Greylist: who is new is asked to come back; those who do are known from then on.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "transport/filter/settings.h"

namespace hauspost::transport {

// REQUIRES: one thread. Bounded: when it is full, what was heard of longest ago goes.
class Greylist {
 public:
  static constexpr std::size_t kTripletsMax = 200'000;
  static constexpr std::size_t kNetworksMax = 50'000;

  struct Verdict {
    bool passes = true;
    Seconds wait{};  // how long still, unless it passes
  };
  // Of (network around the client, sender, recipient). Remembers that it was asked.
  Verdict ask(const GreylistSettings& settings, std::string_view address, std::string_view sender,
              std::string_view recipient, WallTime now);

  std::size_t triplets() const { return triplets_.size(); }
  std::size_t networks() const { return networks_.size(); }
  bool changed() const { return changed_; }

  // What save() gave; false and unchanged when it is none.
  bool load(std::string_view bytes);
  std::string save();  // changed() is false afterwards

 private:
  struct Triplet {
    std::uint32_t first_s = 0;  // Unix seconds, good until 2106
    std::uint32_t last_s = 0;
    bool passed = false;
  };
  struct Known {
    std::uint32_t last_s = 0;
    std::uint32_t passed = 0;  // triplets
  };
  void make_room(const GreylistSettings& settings, std::uint32_t now_s);

  std::unordered_map<std::uint64_t, Triplet> triplets_;  // by keyed hash
  std::unordered_map<std::uint64_t, Known> networks_;
  bool changed_ = false;
};

}  // namespace hauspost::transport
