#include "transport/authentication/domains.h"

#include <libpsl.h>

#include <unicode/uidna.h>

#include <algorithm>

#include "base/text.h"
#include "transport/authentication/dkim_signature.h"

namespace hauspost::mailauth {

std::optional<std::string> to_a_labels(std::string_view domain) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  const bool ascii = std::ranges::all_of(domain, [](char c) { return (c & 0x80) == 0; });
  std::string out;
  if (ascii) {
    out = ascii_lower(domain);
  } else {
    UErrorCode code = U_ZERO_ERROR;
    const std::unique_ptr<UIDNA, decltype(&uidna_close)> idna(
        uidna_openUTS46(UIDNA_NONTRANSITIONAL_TO_ASCII, &code), &uidna_close);
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    char text[256];
    const std::int32_t count =
        uidna_nameToASCII_UTF8(idna.get(), domain.data(), static_cast<std::int32_t>(domain.size()),
                               text, sizeof text, &info, &code);
    if (U_FAILURE(code) || info.errors != 0) return std::nullopt;
    out = ascii_lower(std::string_view(text, static_cast<std::size_t>(count)));
  }
  if (!is_dns_name(out)) return std::nullopt;
  return out;
}

struct PublicSuffixes::List {
  psl_ctx_t* psl = psl_latest(nullptr);
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { psl_free(psl); }
};

PublicSuffixes::PublicSuffixes() : list_(std::make_shared<const List>()) {}

std::string PublicSuffixes::organisational(std::string_view domain) const {
  const std::string name(domain);
  const char* found = psl_registrable_domain(list_->psl, name.c_str());
  return found == nullptr ? name : std::string(found);
}

bool PublicSuffixes::is_public_suffix(std::string_view domain) const {
  const std::string name(domain);
  return psl_is_public_suffix(list_->psl, name.c_str()) == 1;
}

}  // namespace hauspost::mailauth
