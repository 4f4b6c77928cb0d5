// hauspost-auth-pam: asks the system's PAM stack of one service whether a password is right.
#include <security/pam_appl.h>

#include <cstdlib>
#include <cstring>

#include "server/auth_helpers/serve.h"

namespace {

using namespace hauspost::helpers;

// Answers every hidden prompt with the password; a visible one, with which a module asks for
// something else, is a refusal.
int converse(int count, const pam_message** messages, pam_response** responses, void* data) {
  const auto* question = static_cast<const Fields*>(data);
  if (count <= 0 || count > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
  auto* out = static_cast<pam_response*>(
      std::calloc(static_cast<std::size_t>(count), sizeof(pam_response)));
  if (out == nullptr) return PAM_BUF_ERR;
  const std::string_view password = field(*question, "password");
  for (int i = 0; i < count; ++i) {
    switch (messages[i]->msg_style) {
      case PAM_PROMPT_ECHO_OFF: out[i].resp = ::strndup(password.data(), password.size()); break;
      case PAM_ERROR_MSG:
      case PAM_TEXT_INFO: break;
      default:
        for (int j = 0; j < i; ++j) std::free(out[j].resp);
        std::free(out);
        return PAM_CONV_ERR;
    }
  }
  *responses = out;  // the module frees it
  return PAM_SUCCESS;
}

// Instead of modules' delays after a wrong password: hauspost-auth has its own.
void no_delay(int, unsigned, void*) {}

bool says_no(int code) {
  switch (code) {
    case PAM_AUTH_ERR:
    case PAM_CRED_INSUFFICIENT:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_ACCT_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_PERM_DENIED:
    case PAM_CONV_ERR: return true;
    default: return false;
  }
}

Fields handle(const Fields& question) {
  if (field(question, "password").find('\0') != std::string_view::npos)
    return answer(kBad, "a password with a NUL");
  const std::string service(field(question, "service"));
  const std::string user(field(question, "user"));
  const std::string folder(field(question, "folder"));
  const pam_conv conversation{converse, const_cast<Fields*>(&question)};
  pam_handle_t* handle = nullptr;
  int code = folder.empty() ? pam_start(service.c_str(), user.c_str(), &conversation, &handle)
                            : pam_start_confdir(service.c_str(), user.c_str(), &conversation,
                                                folder.c_str(), &handle);
  if (code != PAM_SUCCESS) return answer(kUnavailable, "PAM does not start");
  if (const std::string client(field(question, "client")); !client.empty())
    pam_set_item(handle, PAM_RHOST, client.c_str());
  using Delay = void (*)(int, unsigned, void*);
  const Delay delay = no_delay;
  pam_set_item(handle, PAM_FAIL_DELAY, reinterpret_cast<const void*>(delay));
  constexpr int kFlags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
  std::string_view step = "authentication";
  code = pam_authenticate(handle, kFlags);
  if (code == PAM_SUCCESS) {
    step = "account";
    code = pam_acct_mgmt(handle, kFlags);
  }
  const std::string reason = std::string(step) + ": " + pam_strerror(handle, code);
  pam_end(handle, code);
  if (code == PAM_SUCCESS) return answer(kGood, user);
  return answer(says_no(code) ? kBad : kUnavailable, reason);
}

}  // namespace

int main() { return serve("hauspost-auth-pam", handle); }
