CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    hair_color TEXT,
    age INTEGER NOT NULL,
    is_admin BOOLEAN NOT NULL,
    score DOUBLE NOT NULL,
    bio TEXT,
    logins BIGINT NOT NULL,
    height DOUBLE
);

CREATE TABLE addresses (
    id INTEGER PRIMARY KEY,
    user_id BIGINT NOT NULL,
    street TEXT NOT NULL,
    city TEXT NOT NULL,
    postal_code TEXT,
    floor INTEGER,
    is_primary BOOLEAN NOT NULL,
    latitude DOUBLE NOT NULL,
    longitude DOUBLE NOT NULL,
    note TEXT,
    FOREIGN KEY (user_id) REFERENCES users (id)
);

CREATE TABLE categories (
    id INTEGER PRIMARY KEY,
    user_id BIGINT NOT NULL,
    title TEXT NOT NULL,
    slug TEXT NOT NULL,
    position INTEGER NOT NULL,
    is_public BOOLEAN NOT NULL,
    weight DOUBLE NOT NULL,
    description TEXT,
    post_count BIGINT NOT NULL,
    color TEXT,
    FOREIGN KEY (user_id) REFERENCES users (id)
);

CREATE TABLE posts (
    id INTEGER PRIMARY KEY,
    category_id BIGINT NOT NULL,
    title TEXT NOT NULL,
    body TEXT,
    views BIGINT NOT NULL,
    rating DOUBLE NOT NULL,
    is_published BOOLEAN NOT NULL,
    language TEXT NOT NULL,
    words INTEGER NOT NULL,
    summary TEXT,
    FOREIGN KEY (category_id) REFERENCES categories (id)
);

CREATE TABLE comments (
    id INTEGER PRIMARY KEY,
    post_id BIGINT NOT NULL,
    text TEXT NOT NULL,
    author TEXT NOT NULL,
    likes INTEGER NOT NULL,
    is_spam BOOLEAN NOT NULL,
    sentiment DOUBLE,
    replies BIGINT NOT NULL,
    address TEXT,
    is_edited BOOLEAN NOT NULL,
    FOREIGN KEY (post_id) REFERENCES posts (id)
);

CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    category_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    sku TEXT NOT NULL,
    price DOUBLE NOT NULL,
    stock INTEGER NOT NULL,
    is_active BOOLEAN NOT NULL,
    weight DOUBLE,
    description TEXT,
    sold BIGINT NOT NULL,
    FOREIGN KEY (category_id) REFERENCES categories (id)
);

CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    product_id BIGINT NOT NULL,
    headline TEXT NOT NULL,
    body TEXT,
    stars INTEGER NOT NULL,
    is_verified BOOLEAN NOT NULL,
    helpful BIGINT NOT NULL,
    reviewer TEXT NOT NULL,
    score DOUBLE,
    reply TEXT,
    FOREIGN KEY (product_id) REFERENCES products (id)
);

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    user_id BIGINT NOT NULL,
    number TEXT NOT NULL,
    status TEXT NOT NULL,
    total DOUBLE NOT NULL,
    item_count INTEGER NOT NULL,
    is_paid BOOLEAN NOT NULL,
    placed_at BIGINT NOT NULL,
    shipped_at BIGINT,
    note TEXT,
    FOREIGN KEY (user_id) REFERENCES users (id)
);

CREATE TABLE order_lines (
    id INTEGER PRIMARY KEY,
    order_id BIGINT NOT NULL,
    product TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    price DOUBLE NOT NULL,
    discount DOUBLE,
    is_gift BOOLEAN NOT NULL,
    weight BIGINT NOT NULL,
    message TEXT,
    sku TEXT NOT NULL,
    FOREIGN KEY (order_id) REFERENCES orders (id)
);

CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    order_id BIGINT NOT NULL,
    provider TEXT NOT NULL,
    reference TEXT,
    amount DOUBLE NOT NULL,
    fee DOUBLE,
    is_refunded BOOLEAN NOT NULL,
    paid_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    error TEXT,
    FOREIGN KEY (order_id) REFERENCES orders (id)
);
