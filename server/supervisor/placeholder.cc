int hauspost_placeholder;
