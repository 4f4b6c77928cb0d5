// What an administrator sets for the authentication of messages: free settings of the directory
// with a meaning. Transport asks again whenever the directory changed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/directory/directory.h"
#include "transport/authentication/authentication.h"

namespace hauspost::directory {

class DirectoryWriter;

struct MailauthSettings {
  mailauth::Settings checks{.skip = mailauth::private_networks()};
  bool reports = false;             // counts are kept and DMARC's aggregate reports sent daily
  std::string report_from;          // address that reports come from; empty: postmaster@host name
  std::string report_organization;  // empty: the host name
};

inline constexpr std::size_t kSkippedNetworksMax = 256;
inline constexpr std::size_t kTrustedSealersMax = 256;

// What was never set, and what cannot be read, has its default.
Result<MailauthSettings> mailauth_settings(const DirectoryReader& reader);

// Every setting by its name, in words, in the order they are shown: {"enforce", "quarantine"}.
std::vector<std::pair<std::string_view, std::string>> in_words(const MailauthSettings& settings);
// kInvalid: no such setting, or a value that cannot be. An empty value is the default.
Result<> change(MailauthSettings& settings, std::string_view name, std::string_view value);

// A failure of the disk may leave a part written.
Result<> set_mailauth_settings(DirectoryWriter& writer, const MailauthSettings& settings);

}  // namespace hauspost::directory
