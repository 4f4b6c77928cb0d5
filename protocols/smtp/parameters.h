// The ESMTP parameters of MAIL and RCPT (RFC 5321 section 4.1.1.11).
#pragma once

#include "protocols/smtp/command.h"

namespace hauspost::smtp {

struct ParameterFault {
  Reply reply;  // 555 5.5.4 for one we do not know, 501 5.5.4 for a bad or repeated one
  std::size_t offset = 0;
};

// Reads all of `text` (" KEY=value ...", or empty) into the command; nullopt when all is well.
std::optional<ParameterFault> parse_parameters(std::string_view text, MailCommand& mail);
std::optional<ParameterFault> parse_parameters(std::string_view text, RcptCommand& rcpt);

}  // namespace hauspost::smtp
