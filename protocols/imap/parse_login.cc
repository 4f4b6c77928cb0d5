// Arguments of the commands around login: LOGIN, AUTHENTICATE, ID, ENABLE, COMPRESS.
#include "base/text.h"
#include "protocols/imap/parse_rules.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kIdFieldsMax = 30;        // RFC 2971 section 3.3
constexpr std::size_t kIdNameBytesMax = 30;     // the same
constexpr std::size_t kIdValueBytesMax = 1024;  // the same

bool is_base64_char(char c) {
  return is_alpha(c) || is_digit(c) || c == '+' || c == '/' || c == '=';
}

}  // namespace

Parsed<Arguments> parse_login(Cursor& in) {
  LoginRequest login;
  TRY_ASSIGN(login.user, in.astring());
  TRY(in.space());
  TRY_ASSIGN(std::string password, in.astring());
  login.password = Secret(std::move(password));
  return login;
}

Parsed<Arguments> parse_authenticate(Cursor& in) {
  AuthenticateRequest authenticate;
  TRY_ASSIGN(authenticate.mechanism, in.keyword());
  if (!in.accept(' ')) return authenticate;
  const std::string_view response = in.take_while(is_base64_char);
  if (response.empty()) return in.bad("base64 expected");
  authenticate.initial_response = Secret(std::string(response));
  return authenticate;
}

// RFC 4978 section 5.
Parsed<Arguments> parse_compress(Cursor& in) {
  TRY_ASSIGN(const std::string algorithm, in.keyword());
  if (algorithm != "DEFLATE") return in.bad("unknown compression");
  return std::monostate();
}

Parsed<Arguments> parse_id(Cursor& in) {
  IdRequest id;
  if (in.next_is_word("NIL")) {
    in.accept_text("NIL");
    return id;
  }
  TRY(in.list(0, [&]() -> Parsed<> {
    if (id.fields.size() == kIdFieldsMax) return in.bad("too many ID fields");
    TRY_ASSIGN(std::string name, in.string());
    TRY(in.space());
    TRY_ASSIGN(std::optional<std::string> value, in.nstring());
    if (name.size() > kIdNameBytesMax || (value && value->size() > kIdValueBytesMax))
      return in.bad("ID field is too long");
    id.fields.emplace_back(std::move(name), std::move(value));
    return {};
  }));
  return id;
}

Parsed<Arguments> parse_enable(Cursor& in) {
  EnableRequest enable;
  do {
    if (enable.names.size() == in.limits().list_elements_max) return in.bad("list is too long");
    TRY_ASSIGN(std::string name, in.keyword());
    enable.names.push_back(std::move(name));
  } while (in.accept(' '));
  return enable;
}

}  // namespace hauspost::imap
