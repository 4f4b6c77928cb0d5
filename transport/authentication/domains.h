// Domains as DMARC and ARC compare them: A-labels in lower case, and the organisational domain that
// the public suffix list gives (RFC 7489 section 3.2).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hauspost::mailauth {

// Lower case, A-labels, without a last dot. nullopt: no domain name.
std::optional<std::string> to_a_labels(std::string_view domain);

// Immutable; any thread may use it.
class PublicSuffixes {
 public:
  // The newest list there is: the system's or the library's own. Blocks.
  PublicSuffixes();

  // "example.co.uk" of "mail.example.co.uk". The domain itself when it has no such: a public
  // suffix, or a name of one label.
  std::string organisational(std::string_view domain) const;
  bool is_public_suffix(std::string_view domain) const;

 private:
  struct List;
  std::shared_ptr<const List> list_;  // shared by copies; never changed
};

}  // namespace hauspost::mailauth
