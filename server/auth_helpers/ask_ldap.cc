// hauspost-auth-ldap: asks directory servers whether a password is right, by binding with it.
#include <ldap.h>
#include <sys/time.h>

#include <memory>

#include "server/auth_helpers/serve.h"

namespace {

using namespace hauspost::helpers;

struct Unbind {
  void operator()(LDAP* session) const { ldap_unbind_ext_s(session, nullptr, nullptr); }
};
using Session = std::unique_ptr<LDAP, Unbind>;

struct FreeMessage {
  void operator()(LDAPMessage* message) const { ldap_msgfree(message); }
};

Fields unavailable(std::string_view doing, int code) {
  return answer(kUnavailable, std::string(doing) + ": " + ldap_err2string(code));
}

// An answer of the server that says no, and not that something is out of order.
bool says_no(int code) {
  switch (code) {
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INAPPROPRIATE_AUTH:
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_INVALID_DN_SYNTAX:
    case LDAP_CONSTRAINT_VIOLATION:
    case LDAP_UNWILLING_TO_PERFORM: return true;
    default: return false;
  }
}

bool secured(const Fields& question, std::string& problem, LDAP* session) {
  int demand = LDAP_OPT_X_TLS_DEMAND;
  const std::string ca_file(field(question, "ca_file"));
  if (ldap_set_option(session, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) != LDAP_OPT_SUCCESS ||
      (!ca_file.empty() &&
       ldap_set_option(session, LDAP_OPT_X_TLS_CACERTFILE, ca_file.c_str()) != LDAP_OPT_SUCCESS)) {
    problem = "TLS settings";
    return false;
  }
  int server = 0;  // a context of our own, which takes the options above
  if (ldap_set_option(session, LDAP_OPT_X_TLS_NEWCTX, &server) != LDAP_OPT_SUCCESS) {
    problem = "the file of trusted certificates cannot be used";
    return false;
  }
  return true;
}

// Null with `problem` set. The library connects to the first of the URIs that answers.
Session open_session(const Fields& question, std::string& problem) {
  LDAP* raw = nullptr;
  const std::string uris(field(question, "uris"));  // separated by spaces
  if (const int code = ldap_initialize(&raw, uris.c_str()); code != LDAP_SUCCESS) {
    problem = ldap_err2string(code);
    return nullptr;
  }
  Session session(raw);
  const int version = LDAP_VERSION3;
  const long timeout_s = number(question, "timeout_s");
  const timeval timeout{timeout_s, 0};
  ldap_set_option(raw, LDAP_OPT_PROTOCOL_VERSION, &version);
  ldap_set_option(raw, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
  ldap_set_option(raw, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
  ldap_set_option(raw, LDAP_OPT_TIMEOUT, &timeout);
  if (!secured(question, problem, raw)) return nullptr;
  if (!flag(question, "start_tls")) return session;
  if (const int code = ldap_start_tls_s(raw, nullptr, nullptr); code != LDAP_SUCCESS) {
    problem = std::string("StartTLS: ") + ldap_err2string(code);
    return nullptr;
  }
  return session;
}

int bind_as(LDAP* session, const std::string& dn, std::string_view password) {
  std::string copy(password);
  berval secret{copy.size(), copy.data()};
  const int code =
      ldap_sasl_bind_s(session, dn.c_str(), LDAP_SASL_SIMPLE, &secret, nullptr, nullptr, nullptr);
  explicit_bzero(copy.data(), copy.size());
  return code;
}

int scope_of(std::string_view name) {
  if (name == "base") return LDAP_SCOPE_BASE;
  if (name == "one") return LDAP_SCOPE_ONELEVEL;
  return LDAP_SCOPE_SUBTREE;
}

// The name of the one entry that the filter finds; empty with `outcome` set when there is none or
// more than one.
std::string find_entry(LDAP* session, const Fields& question, Fields& outcome) {
  if (const std::string dn(field(question, "search_dn")); !dn.empty()) {
    const int code = bind_as(session, dn, field(question, "search_password"));
    if (code != LDAP_SUCCESS) {
      outcome = unavailable("bind for the search", code);
      return {};
    }
  }
  char no_attributes[] = LDAP_NO_ATTRS;
  char* attributes[] = {no_attributes, nullptr};
  timeval timeout{number(question, "timeout_s"), 0};
  LDAPMessage* raw = nullptr;
  constexpr int kEntriesMax = 2;  // one more than is allowed: enough to know
  const int code = ldap_search_ext_s(session, std::string(field(question, "search_base")).c_str(),
                                     scope_of(field(question, "search_scope")),
                                     std::string(field(question, "filter")).c_str(), attributes, 0,
                                     nullptr, nullptr, &timeout, kEntriesMax, &raw);
  const std::unique_ptr<LDAPMessage, FreeMessage> found(raw);
  if (code != LDAP_SUCCESS && code != LDAP_SIZELIMIT_EXCEEDED) {
    outcome = unavailable("search", code);
    return {};
  }
  const int count = found ? ldap_count_entries(session, found.get()) : 0;
  if (count != 1) {
    outcome = answer(kBad, count == 0 ? "no entry found" : "more than one entry found");
    return {};
  }
  char* dn = ldap_get_dn(session, ldap_first_entry(session, found.get()));
  std::string out = dn != nullptr ? dn : "";
  ldap_memfree(dn);
  if (out.empty()) outcome = answer(kBad, "an entry without a name");
  return out;
}

Fields handle(const Fields& question) {
  const std::string_view password = field(question, "password");
  // RFC 4513 section 5.1.2: a bind without a password succeeds, and says nothing about who asks.
  if (password.empty()) return answer(kBad, "empty password");
  std::string problem;
  const Session session = open_session(question, problem);
  if (!session) return answer(kUnavailable, problem);
  std::string dn(field(question, "bind_dn"));
  if (dn.empty()) {
    Fields outcome;
    dn = find_entry(session.get(), question, outcome);
    if (dn.empty()) return outcome;
  }
  const int code = bind_as(session.get(), dn, password);
  if (code == LDAP_SUCCESS) return answer(kGood, dn);
  if (says_no(code)) return answer(kBad, ldap_err2string(code));
  return unavailable("bind", code);
}

}  // namespace

int main() {
  // Neither a system-wide ldap.conf nor a user's .ldaprc has a say.
  setenv("LDAPNOINIT", "1", 1);
  return serve("hauspost-auth-ldap", handle);
}
