diesel::table! {
    users (id) {
        id -> BigInt,
        name -> Text,
        email -> Text,
        hair_color -> Nullable<Text>,
        age -> Integer,
        is_admin -> Bool,
        score -> Double,
        bio -> Nullable<Text>,
        logins -> BigInt,
        height -> Nullable<Double>,
    }
}

diesel::table! {
    addresses (id) {
        id -> BigInt,
        user_id -> BigInt,
        street -> Text,
        city -> Text,
        postal_code -> Nullable<Text>,
        floor -> Nullable<Integer>,
        is_primary -> Bool,
        latitude -> Double,
        longitude -> Double,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    categories (id) {
        id -> BigInt,
        user_id -> BigInt,
        title -> Text,
        slug -> Text,
        position -> Integer,
        is_public -> Bool,
        weight -> Double,
        description -> Nullable<Text>,
        post_count -> BigInt,
        color -> Nullable<Text>,
    }
}

diesel::table! {
    posts (id) {
        id -> BigInt,
        category_id -> BigInt,
        title -> Text,
        body -> Nullable<Text>,
        views -> BigInt,
        rating -> Double,
        is_published -> Bool,
        language -> Text,
        words -> Integer,
        summary -> Nullable<Text>,
    }
}

diesel::table! {
    comments (id) {
        id -> BigInt,
        post_id -> BigInt,
        text -> Text,
        author -> Text,
        likes -> Integer,
        is_spam -> Bool,
        sentiment -> Nullable<Double>,
        replies -> BigInt,
        address -> Nullable<Text>,
        is_edited -> Bool,
    }
}

diesel::table! {
    products (id) {
        id -> BigInt,
        category_id -> BigInt,
        name -> Text,
        sku -> Text,
        price -> Double,
        stock -> Integer,
        is_active -> Bool,
        weight -> Nullable<Double>,
        description -> Nullable<Text>,
        sold -> BigInt,
    }
}

diesel::table! {
    reviews (id) {
        id -> BigInt,
        product_id -> BigInt,
        headline -> Text,
        body -> Nullable<Text>,
        stars -> Integer,
        is_verified -> Bool,
        helpful -> BigInt,
        reviewer -> Text,
        score -> Nullable<Double>,
        reply -> Nullable<Text>,
    }
}

diesel::table! {
    orders (id) {
        id -> BigInt,
        user_id -> BigInt,
        number -> Text,
        status -> Text,
        total -> Double,
        item_count -> Integer,
        is_paid -> Bool,
        placed_at -> BigInt,
        shipped_at -> Nullable<BigInt>,
        note -> Nullable<Text>,
    }
}

diesel::table! {
    order_lines (id) {
        id -> BigInt,
        order_id -> BigInt,
        product -> Text,
        quantity -> Integer,
        price -> Double,
        discount -> Nullable<Double>,
        is_gift -> Bool,
        weight -> BigInt,
        message -> Nullable<Text>,
        sku -> Text,
    }
}

diesel::table! {
    payments (id) {
        id -> BigInt,
        order_id -> BigInt,
        provider -> Text,
        reference -> Nullable<Text>,
        amount -> Double,
        fee -> Nullable<Double>,
        is_refunded -> Bool,
        paid_at -> BigInt,
        attempts -> Integer,
        error -> Nullable<Text>,
    }
}

diesel::joinable!(addresses -> users (user_id));
diesel::joinable!(categories -> users (user_id));
diesel::joinable!(posts -> categories (category_id));
diesel::joinable!(comments -> posts (post_id));
diesel::joinable!(products -> categories (category_id));
diesel::joinable!(reviews -> products (product_id));
diesel::joinable!(orders -> users (user_id));
diesel::joinable!(order_lines -> orders (order_id));
diesel::joinable!(payments -> orders (order_id));

diesel::allow_tables_to_appear_in_same_query!(
    users,
    addresses,
    categories,
    posts,
    comments,
    products,
    reviews,
    orders,
    order_lines,
    payments
);
