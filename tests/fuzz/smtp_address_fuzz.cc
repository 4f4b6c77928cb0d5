// Addresses and paths: what parses prints as something that parses to the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "protocols/smtp/address.h"
#include "protocols/smtp/limits.h"

using namespace hauspost::smtp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto path = parse_path(input);
  if (path) {
    HP_CHECK(path->consumed <= input.size());
    HP_CHECK(input[path->consumed - 1] == '>');
    if (path->value && !path->value->domain.empty()) {
      HP_CHECK(path->value->domain.size() <= kDomainMax);
      HP_CHECK(path->value->local.size() <= kLocalPartMax);
      const std::string text = path->value->to_string();
      HP_CHECK(text.find_first_of("\r\n") == std::string::npos);
      HP_CHECK(address_from(text) == path->value);
    }
  } else {
    HP_CHECK(path.error().offset <= input.size());
  }
  const auto mailbox = parse_mailbox(input);
  HP_CHECK(!mailbox || mailbox->consumed <= input.size());
  const bool host = is_host_name(input);
  HP_CHECK(!host || input.find_first_of(" ()<>;\r\n") == std::string_view::npos);
  if (const auto decoded = decode_xtext(input)) {
    HP_CHECK(decode_xtext(encode_xtext(*decoded)) == decoded);
  }
  HP_CHECK(decode_xtext(encode_xtext(input)) == std::string(input));
  return 0;
}
