// What a client may do before a back-end has taken it over.
#pragma once

#include <chrono>
#include <cstddef>

namespace hauspost::frontend {

struct Limits {
  // Connections at once
  std::size_t connections_max = 10'000;
  std::size_t before_login_max = 2'000;  // then the oldest of them is closed
  std::size_t smtp_per_address_max = 20;
  std::size_t mail_per_address_max = 50;  // IMAP and POP3 together
  std::size_t web_per_address_max = 50;   // HTTP and HTTPS together
  std::size_t new_per_minute_max = 300;   // of one address
  std::size_t imap_per_account_max = 40;
  std::size_t pop3_per_account_max = 16;

  // Time
  std::chrono::milliseconds login_time{60'000};       // from accept to login; SMTP: submission
  std::chrono::milliseconds pop3_login_time{60'000};  // the same for POP3
  std::chrono::milliseconds command_time{300'000};    // SMTP: to the next command
  std::chrono::milliseconds greeter_time{600'000};    // SMTP on port 25: from accept to MAIL
  std::chrono::milliseconds write_progress{300'000};  // a client that takes nothing is left
  std::chrono::milliseconds backend_start{2'000};     // a worker that restarts is waited for
  std::chrono::milliseconds web_first_byte{30'000};   // HTTP: from accept to the first byte

  // Patience
  unsigned bad_passwords_max = 3;
  std::chrono::milliseconds bad_password_delay{2'000};  // doubled by each further one
  unsigned bad_imap_commands_max = 3;
  unsigned bad_pop3_commands_max = 5;  // clients that know no CAPA try what there is
  unsigned smtp_errors_free = 10;  // each further one costs error_delay
  unsigned smtp_errors_max = 20;
  std::chrono::milliseconds error_delay{1'000};

  // Octets
  std::size_t pop3_line_bytes_max = 512;  // one command with its CRLF
};

}  // namespace hauspost::frontend
